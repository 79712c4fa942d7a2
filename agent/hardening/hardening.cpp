#include "agent/hardening/hardening.h"

#include <sys/prctl.h>
#include <sys/resource.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>

#include "agent/base/fd.h"
#include "agent/hardening/parts.h"

namespace tiercel::hardening {
namespace {

constexpr size_t kStatusBytesMax = 1 << 16;
constexpr rlim_t kNiceLimit = 30;  // 20 - nice: -10, as the deciding thread and the one that kills ask for

// Without CAP_SYS_NICE a thread may still go before ordinary work. False: this process may not allow itself that.
bool keep_priority() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NICE, &limit) == 0 && limit.rlim_cur >= kNiceLimit) return true;
  limit = {kNiceLimit, kNiceLimit};
  return ::setrlimit(RLIMIT_NICE, &limit) == 0;
}

// Its memory holds keys and tokens: no core file, and no pipe to a program that keeps cores, which asks for no limit.
// Besides, /proc/PID/mem and ptrace(2) are for CAP_SYS_PTRACE of this user namespace alone. Threads and children of a
// fork share it; a program that is started does not.
Result<> keep_memory_to_itself() {
  constexpr rlimit kNone{0, 0};
  if (::setrlimit(RLIMIT_CORE, &kNone) != 0) return fail_errno("cannot forbid core files", errno);
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return fail_errno("cannot keep its memory to itself", errno);
  return {};
}

// The value of a line of /proc/self/status.
std::string value_of(const std::string& status, const std::string& key) {
  const size_t at = status.find("\n" + key + ":");
  if (at == std::string::npos) return {};
  const size_t begin = status.find_first_not_of(" \t", at + key.size() + 2);
  return status.substr(begin, status.find('\n', begin) - begin);
}

}  // namespace

Result<> give_up(const Options& options) {
  if (!options.seccomp && !options.capabilities) return {};
  if (auto kept = keep_memory_to_itself(); !kept) return kept;
  const bool priority = keep_priority();
  // Whoever keeps root's id would have everything back with the next program that it runs.
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return fail_errno("cannot set no_new_privs", errno);
  if (options.capabilities)
    if (auto dropped = drop_capabilities(!priority); !dropped) return dropped;
  return options.seccomp ? filter_system_calls() : Result<>();
}

Result<> give_up_all(const Options& options) {
  if (!options.seccomp && !options.capabilities) return {};
  if (auto kept = keep_memory_to_itself(); !kept) return kept;
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return fail_errno("cannot set no_new_privs", errno);
  if (options.capabilities)
    if (auto dropped = drop_all_capabilities(); !dropped) return dropped;
  return options.seccomp ? filter_system_calls() : Result<>();
}

State state() {
  constexpr const char* kFiltered = "2";  // SECCOMP_MODE_FILTER
  State state;
  state.dumpable = ::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0;
  const auto status = read_pseudo_file("/proc/self/status", kStatusBytesMax);
  if (!status) return state;
  state.seccomp = value_of(*status, "Seccomp") == kFiltered;
  state.no_new_privs = value_of(*status, "NoNewPrivs") == "1";
  const uint64_t effective = std::strtoull(value_of(*status, "CapEff").c_str(), nullptr, 16);
  for (unsigned number = 0; number < 64; ++number)
    if ((effective >> number & 1) != 0) state.capabilities.push_back(capability_name(number));
  return state;
}

}  // namespace tiercel::hardening
