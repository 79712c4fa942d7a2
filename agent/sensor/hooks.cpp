#include "agent/sensor/hooks.h"

#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

#include "agent/sensor/call_number.h"

// Falco's names of two calls (tracefs.cpp has the kernel's).
#define SYS_pread SYS_pread64
#define SYS_pwrite SYS_pwrite64

namespace tiercel::sensor {

uint64_t Hook::cookie(uint16_t type) const {
  return uint64_t{hook} | (vital ? COOKIE_VITAL : 0) | uint64_t{type} << 32;
}

std::string Hook::exit_program() const {
  switch (HOOK_SHAPE(hook)) {
    case SHAPE_CALL:
      return "shape__call";
    case SHAPE_DESC:
      return "shape__desc";
    case SHAPE_PATH:
      return "shape__path";
    case SHAPE_PATHS:
      return "shape__paths";
    case SHAPE_OPEN:
      return "shape__open";
    default:
      return std::string(kSysExitPrefix).append(event);
  }
}

namespace {

// Their arguments point to structs that 32-bit callers lay out otherwise: vectors of buffers, messages, argv.
constexpr std::array<std::string_view, 8> kWide = {
    "execve", "execveat", "readv", "writev", "sendmsg", "recvmsg", "process_vm_readv", "process_vm_writev"};

// Without arguments: on x86 the names of the others are aliases here, and BTF has the function alone (SYSCALL_DEFINE0).
// Callers of all widths come through it.
constexpr std::array<std::string_view, 3> kBare = {"fork", "vfork", "setsid"};

}  // namespace

std::string Hook::function_program() const {
  const auto shape = HOOK_SHAPE(hook);
  return std::string(shape == SHAPE_OWN ? kSysExitPrefix : kCallPrefix).append(event);
}

// Where the kernel's SYSCALL_DEFINE has another name than the call has for everybody else.
std::string Hook::kernel_name() const {
  constexpr std::pair<std::string_view, std::string_view> kNames[] = {
      {"pread", "pread64"}, {"pwrite", "pwrite64"}, {"umount2", "umount"}};
  for (auto [falco, kernel] : kNames)
    if (event == falco) return std::string(kernel);
  return std::string(event);
}

bool Hook::is_wide() const {
  return std::find(kWide.begin(), kWide.end(), event) != kWide.end();
}

// arch/x86/include/asm/syscall_wrapper.h, arch/arm64/include/asm/syscall_wrapper.h
std::vector<std::string> Hook::functions(bool for_32_bit) const {
  const std::string name = kernel_name();
  if (for_32_bit && is_wide()) return {};
#if defined(__x86_64__)
  if (for_32_bit) return {"__ia32_compat_sys_" + name, "__ia32_sys_" + name};
  if (std::find(kBare.begin(), kBare.end(), event) != kBare.end()) return {"__do_sys_" + name, "__x64_sys_" + name};
  return {"__x64_sys_" + name};
#else
  if (for_32_bit) return {"__arm64_compat_sys_" + name};
  return {"__arm64_sys_" + name};
#endif
}

const Hook& hook_of(uint16_t type) {
  static constexpr bool kVITAL = true, kBULK = false;
  static constexpr Hook kHooks[] = {
      {},
#define EVENT(name, record, ring, category, flags, hook, params) {#name, hook, k##ring, CALL_NUMBER_OF(SYS_##name)},
#include "bpf/schema/events.def"
  };
  return kHooks[type < EVT_COUNT ? type : 0];
}

std::set<uint16_t> calls_of(const Wanted& wanted) {
  std::set<uint16_t> types;
  for (const auto* list : {&wanted.events, &wanted.state})
    for (uint16_t type : *list)
      if (hook_of(type).is_call()) types.insert(type);
  return types;
}

bool is_call_program(std::string_view name) {
  for (std::string_view prefix : {kSysExitPrefix, kSysEnterPrefix, kShapePrefix, kCallPrefix, kInnerPrefix,
                                  kUringPrefix, kSocketcallPrefix, kCompatPrefix})
    if (name.starts_with(prefix)) return true;
  return false;
}

}  // namespace tiercel::sensor
