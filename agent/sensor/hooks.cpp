#include "agent/sensor/hooks.h"

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
#define EVENT(name, record, ring, category, flags, hook, params) {#name, hook, k##ring},
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
