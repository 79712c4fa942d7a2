#include "agent/sensor/leave_behind.h"

#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "agent/base/log.h"

namespace tiercel::sensor {
namespace {

constexpr size_t kChildren = 32;

// Sockets, locks and pipes would outlive us in there. Only what a child of many threads may call.
[[noreturn]] void hold(const std::vector<int>& links, int parent) {
  ::prctl(PR_SET_NAME, "tiercel-detach");
  const int last = std::max(links.back(), parent);
  const long most = ::sysconf(_SC_OPEN_MAX);
  for (int fd = 0; fd < most; ++fd) {
    if (fd > last && fd > last + 1'024) break;  // descriptors are given from below
    if (fd != parent && !std::binary_search(links.begin(), links.end(), fd)) ::close(fd);
  }
  char nothing = 0;
  while (::read(parent, &nothing, 1) > 0) continue;  // until the parent has closed its own
  ::_exit(0);
}

}  // namespace

void leave_behind(std::vector<Fd> links) {
  std::array<int, 2> line{-1, -1};
  if (links.empty() || ::pipe(line.data()) != 0) return;
  Fd theirs(line[0]), ours(line[1]);
  std::array<std::vector<int>, kChildren> numbers;
  for (size_t n = 0; n < links.size(); ++n) numbers[n % kChildren].push_back(links[n].get());
  for (std::vector<int>& some : numbers) {
    if (some.empty()) continue;
    std::sort(some.begin(), some.end());
    const pid_t child = ::fork();
    if (child == 0) hold(some, theirs.get());
    if (child < 0) log::debug("hooks are closed here, which takes some seconds");
  }
  links.clear();  // before the children do: who closes a link last waits
}

}  // namespace tiercel::sensor
