// PushPrograms: what the kernel leaves out by the program that runs, of programs that had started before the set in
// force (bpf/include/push_program.h). Rules look at what user space knows of these, so that is what is looked at here,
// and not what /proc says by now. A program that is replaced meanwhile has another exec_id, a process that takes the
// pid another start: the kernel then takes anything for possible. Thread safe.
#pragma once

#include <memory>
#include <mutex>
#include <span>
#include <string_view>

#include "agent/sensor/source.h"
#include "bpf/schema/push.h"

namespace tiercel::sensor {

// The facts that the texts of a program give, as push__started() of bpf/include/push_program.h finds them. Pure.
[[nodiscard]] push_program facts_of_program(const push_set& set, const RunningProgram& program);

class PushPrograms {
 public:
  // programs: the map of task storage; it outlives us.
  void set_map(int programs) { map_ = programs; }
  // A set came into force; nothing: none is.
  void came(std::unique_ptr<const push_set> set);
  // Is there a set whose programs have not been told?
  [[nodiscard]] bool ask() const;
  void tell(std::span<const RunningProgram> programs);

 private:
  int map_ = -1;
  mutable std::mutex mutex_;
  std::unique_ptr<const push_set> fresh_;
};

}  // namespace tiercel::sensor
