#include "agent/sensor/hooks.h"

#include <sys/syscall.h>

// Falco's names of two calls (tracefs.cpp has the kernel's).
#define SYS_pread SYS_pread64
#define SYS_pwrite SYS_pwrite64

// The text of a call's number, or of its macro's name where the architecture has no such call.
#define TEXT_OF(macro) #macro
#define NUMBER_TEXT(macro) TEXT_OF(macro)

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
    default:
      return std::string(kSysExitPrefix).append(event);
  }
}

const Hook& hook_of(uint16_t type) {
  static constexpr bool kVITAL = true, kBULK = false;
  static constexpr Hook kHooks[] = {
      {},
#define EVENT(name, record, ring, category, flags, hook, params) \
  {#name, hook, k##ring, NUMBER_TEXT(SYS_##name)[0] != 'S'},
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
  return name.starts_with(kSysExitPrefix) || name.starts_with(kSysEnterPrefix) || name.starts_with(kShapePrefix);
}

}  // namespace tiercel::sensor
