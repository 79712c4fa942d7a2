// Through libcap-ng.
#include <cap-ng.h>
#include <linux/capability.h>

#include <algorithm>
#include <cerrno>
#include <iterator>

#include "agent/hardening/hardening.h"
#include "agent/hardening/parts.h"

namespace tiercel::hardening {
namespace {

constexpr Kept kKept[] = {
    {CAP_BPF, "load the sensor's programs, at the start and when rules want more of them"},
    {CAP_PERFMON, "attach them, and let them read the kernel's memory"},
    {CAP_SYS_PTRACE, "read /proc/PID of all users: executables, roots, namespaces, environments"},
    {CAP_DAC_OVERRIDE, "read the runtimes' records and rule files of any owner; sockets of other users; quarantine"},
    {CAP_KILL, "end, stop and continue processes of any user"},
    {CAP_CHOWN, "quarantine: a file that is put back is its owner's again"},
    {CAP_FOWNER, "quarantine: mode and times of such a file, and its removal from sticky folders"},
    {CAP_FSETID, "quarantine: such a file keeps its set-group-ID bit"},
};

}  // namespace

std::span<const Kept> kept_capabilities() {
  return kKept;
}

Result<> drop_capabilities(bool nice_too) {
  ::capng_clear(CAPNG_SELECT_ALL);
  if (::capng_get_caps_process() != 0) return fail("cannot read this process's capabilities");
  const bool bounds = ::capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP) == 1;
  // A container may have been given the right to read all files without the one to write them (docs/kubernetes.md).
  const bool reads_only = ::capng_have_capability(CAPNG_PERMITTED, CAP_DAC_OVERRIDE) == 0;
  constexpr auto kSets = static_cast<capng_type_t>(CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_INHERITABLE |
                                                   CAPNG_BOUNDING_SET | CAPNG_AMBIENT);
  constexpr unsigned kMost = 64;  // a set's bits; what this kernel does not have is passed by
  for (unsigned number = 0; number < kMost; ++number) {
    const bool keep = (nice_too && number == CAP_SYS_NICE) || (reads_only && number == CAP_DAC_READ_SEARCH) ||
                      std::any_of(std::begin(kKept), std::end(kKept), [number](const Kept& kept) {
                        return static_cast<unsigned>(kept.capability) == number;
                      });
    if (!keep) (void)::capng_update(CAPNG_DROP, kSets, number);
  }
  if (bounds && ::capng_apply(CAPNG_SELECT_BOUNDS) != 0) return fail_errno("cannot lower the bounding set", errno);
  if (::capng_apply(static_cast<capng_select_t>(CAPNG_SELECT_CAPS | CAPNG_SELECT_AMBIENT)) != 0)
    return fail_errno("cannot drop capabilities", errno);
  return {};
}

Result<> drop_all_capabilities() {
  ::capng_clear(CAPNG_SELECT_ALL);
  if (::capng_get_caps_process() != 0) return fail("cannot read this process's capabilities");
  const bool bounds = ::capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP) == 1;
  ::capng_clear(CAPNG_SELECT_ALL);
  if (bounds && ::capng_apply(CAPNG_SELECT_BOUNDS) != 0) return fail_errno("cannot lower the bounding set", errno);
  if (::capng_apply(static_cast<capng_select_t>(CAPNG_SELECT_CAPS | CAPNG_SELECT_AMBIENT)) != 0)
    return fail_errno("cannot drop capabilities", errno);
  return {};
}

std::string capability_name(unsigned number) {
  const char* name = ::capng_capability_to_name(number);
  return name ? name : std::to_string(number);
}

}  // namespace tiercel::hardening
