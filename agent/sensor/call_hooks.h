// CallHooks: the hooks at system calls and within them, attached one way (way.h) for as long as an event type is
// wanted. One interface for all ways: what differs is which programs are loaded and what they hang on. What a way
// cannot attach to (a call whose function the kernel does not name) hangs on the call's tracepoint. One thread at a
// time.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/fd.h"
#include "agent/base/result.h"
#include "agent/sensor/compat_calls.h"
#include "agent/sensor/inner_hooks.h"
#include "agent/sensor/programs.h"

namespace tiercel::sensor {

class KernelFunctions;

class CallHooks {
 public:
  using Types = std::set<uint16_t>;  // event types that system calls make, and kUringHooks (uring.h)
  struct Link {
    uint16_t type = 0;  // 0: within calls
    std::string program;
    std::string_view how;
    Fd fd;
  };

  void set_way(Way way);
  // Also 32-bit callers, in ways that do not see them by themselves.
  void set_compat(bool also) { compat_ = also; }
  [[nodiscard]] Way way() const { return way_; }

  // Before the load of the object that makes the maps.
  void prepare(tiercel_bpf& first);
  // After it: programs for these calls, those that are always needed, and others by their names.
  Result<> load(const Types& types, const std::set<std::string>& others);

  // Attaches what is not attached; what fails leaves the others as they are.
  Result<> attach(const Types& types);
  [[nodiscard]] bool attached(uint16_t type) const { return attached_.contains(type); }
  // Detaches all but those, and gives the links to be closed.
  std::vector<Fd> keep_only(const Types& types);
  [[nodiscard]] std::vector<const Link*> links() const;
  // A program that hangs on no call; -1: not loaded.
  [[nodiscard]] int other(const std::string& program) const;
  // Of all copies of a program that are loaded.
  [[nodiscard]] std::vector<int> descriptors(const std::string& program) const;
  Result<> load_other(const std::string& program);

 private:
  // Where a type's programs hang: more than one place where 32-bit callers have a function of their own.
  struct Plan {
    Place place = Place::kTracepoint;
    bool of_no_call = false;  // BTF tracepoints, which the programs name themselves: uring.h
    Choice choice;
  };
  // functions: null where nothing hangs on any.
  [[nodiscard]] std::vector<Plan> plans_of(uint16_t type, const KernelFunctions* functions) const;
  [[nodiscard]] Choice inner_choice(const Types& types, const KernelFunctions* functions) const;
  Result<> load_missing(const Types& types, const KernelFunctions* functions);
  Result<> attach_type(uint16_t type, const KernelFunctions* functions);
  Result<> attach_plan(const Plan& plan, uint16_t type, std::vector<Link>& links);
  void attach_inner(const Types& types, const KernelFunctions* functions);
  void tell_inner();
  Result<Fd> at_tracepoint(const std::string& program, bool enter, uint16_t type);
  Result<> at_entry_32(const std::string& program, uint16_t type);
  Result<Fd> at_function(Place place, const std::string& program);
  Result<Fd> at_kprobe(const std::string& program, const std::string& function);

  Way way_ = Way::kTracepoint;
  Programs programs_;
  tiercel_bpf* first_ = nullptr;
  std::set<std::string> not_probed_;      // functions that the kernel does not let be probed
  std::set<std::string> enter_programs_;  // those that the object has
  Fd tracefs_;
  std::map<uint16_t, std::vector<Link>> attached_;
  std::map<std::string, Link> inner_;  // by program
  bool compat_ = false;
  CompatCalls compat_calls_;
  std::vector<Link> compat_link_;  // one, where there are such calls
  Types absent_;                   // this kernel has no tracepoint for them
};

}  // namespace tiercel::sensor
