// Child: a program that we start in a process group of its own, with pipes as its standard input and output, and
// nothing else of ours: no descriptor, no signal mask or handler, no environment but what is given. It is started
// without a copy of our memory (as vfork() does), so that a large agent does not pay for it. Any thread.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "agent/base/fd.h"
#include "agent/base/result.h"

namespace tiercel {

struct Launch {
  std::string file;  // relative to folder, or absolute
  std::vector<std::string> argv;
  std::vector<std::string> environment;  // "KEY=value"
  std::string folder;                    // working directory; empty: ours
  std::string error_file;                // standard error is appended to it; empty: /dev/null
  bool errors_to_output = false;         // standard error goes where standard output goes
};
// PATH and LANG, as scripts need them.
[[nodiscard]] std::vector<std::string> plain_environment();

class Child {
 public:
  static Result<Child> start(const Launch& launch);

  Fd input, output;  // ours: non-blocking
  Fd pidfd;
  pid_t pid = -1;

  void kill_group() const;  // SIGKILL; only before it was reaped
  // Reaps it; waits for its end. Exit status, or 128 + signal.
  int reap();
};

}  // namespace tiercel
