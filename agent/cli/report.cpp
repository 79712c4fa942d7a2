#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "agent/cli/commands.h"

namespace tiercel::cli {

int report(const Error& error) {
  std::fprintf(stderr, "tiercel: %s\n", error.message.c_str());
  return static_cast<int>(error.fault);
}

bool colour_wanted(int fd) {
  return ::isatty(fd) == 1 && std::getenv("NO_COLOR") == nullptr;
}

}  // namespace tiercel::cli
