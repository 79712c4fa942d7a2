#include "agent/rule/response.h"

#include <fmt/core.h>

#include <csignal>
#include <cstring>

#include "agent/rule/fields.h"
#include "agent/rule/threshold.h"

namespace tiercel::rule {
namespace {

constexpr std::string_view kActions[] = {"kill", "signal", "suspend", "isolate", "block", "quarantine", "exec"};
constexpr std::string_view kTargets[] = {"process", "tree", "container"};
constexpr std::string_view kFiles[] = {"exe", "fd"};

std::string lasting(uint64_t timeout_ms) {
  return timeout_ms == 0 ? " until it is undone" : " for " + timespan_text(timeout_ms * 1'000'000);
}

std::string signal_text(int signal) {
  const char* name = ::sigabbrev_np(signal);
  return name ? std::string("SIG") + name : std::to_string(signal);
}

}  // namespace

std::string_view action_text(ActionType type) {
  return kActions[static_cast<size_t>(type)];
}

std::string_view target_text(ActionTarget target) {
  return kTargets[static_cast<size_t>(target)];
}

std::string_view file_text(ActionFile file) {
  return kFiles[static_cast<size_t>(file)];
}

std::string to_string(const Action& action) {
  const std::string_view target = target_text(action.target);
  switch (action.type) {
    case ActionType::kKill:
      return fmt::format("kill the {}", target);
    case ActionType::kSignal:
      return fmt::format("send {} to the {}", signal_text(action.signal), target);
    case ActionType::kSuspend:
      return fmt::format("suspend the {}{}", target, lasting(action.timeout_ms));
    case ActionType::kIsolate:
      return fmt::format("cut the {} off the network{}", target, lasting(action.timeout_ms));
    case ActionType::kBlock:
      return fmt::format("block {}{}", action.address, lasting(action.timeout_ms));
    case ActionType::kQuarantine:
      return fmt::format("move the {} away", action.file == ActionFile::kExe ? "program's file" : "event's file");
    case ActionType::kExec:
      return fmt::format("run {}", action.program.empty() ? "" : action.program.front());
  }
  return {};
}

std::optional<ResponseAddress> address_of(const Action& action, const context::Event& event) {
  const FieldInfo* field = field_by_name(action.address);
  if (!field || !field->fed()) return std::nullopt;
  Arena arena(64);
  const FieldArg none;
  const Value value = field->get({event, none, arena, context::PathView::kLexical});
  if (value.kind != ValueKind::kIp4 && value.kind != ValueKind::kIp6) return std::nullopt;
  return ResponseAddress{value.kind == ValueKind::kIp6, value.ip};
}

}  // namespace tiercel::rule
