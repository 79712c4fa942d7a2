// What /proc still knows of a process: argv of those that were there before us, and a rebuild after a loss. Small reads
// of pseudo files; deciding thread.
#pragma once

#include <string>

#include "agent/context/process.h"

namespace tiercel::context {

class Procfs {
 public:
  explicit Procfs(std::string root = "/proc") : root_(std::move(root)) {}
  // Adds argv (and, for a stub, exe and cwd) to the process's image. Leaves it alone when the pid belongs to another
  // process by now: /proc tells start times in ticks of 10 ms, and a process that lasts is asked twice.
  void fill(Process& process) const;

 private:
  [[nodiscard]] bool is_same(const Process& process) const;
  std::string root_;
};

}  // namespace tiercel::context
