// Response: a rule with `action:` in a rule file, as plain data: which alerts it is for and what is to be done. Made by
// load.h, immutable in a RuleSet; carried out by the response engine. Language: docs/response-rules.md.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/diagnostic.h"
#include "agent/context/event.h"

namespace tiercel::rule {

inline constexpr uint32_t kResponseBudgetPerMin = 10;  // where the rule says nothing
inline constexpr uint64_t kResponseTimeoutMsMax = 30ull * 24 * 3600 * 1'000;
inline constexpr uint64_t kExecTimeoutMsMax = 3600 * 1'000;

enum class ActionType : uint8_t { kKill, kSignal, kSuspend, kIsolate, kBlock, kQuarantine, kExec };
enum class ActionTarget : uint8_t { kProcess, kTree, kContainer };
enum class ActionFile : uint8_t { kExe, kFd };
[[nodiscard]] std::string_view action_text(ActionType type);      // "kill"
[[nodiscard]] std::string_view target_text(ActionTarget target);  // "process"
[[nodiscard]] std::string_view file_text(ActionFile file);        // "exe"

// Members that are not of the type keep their defaults.
struct Action {
  ActionType type = ActionType::kKill;
  ActionTarget target = ActionTarget::kProcess;  // kKill, kSignal, kSuspend, kIsolate
  int signal = 0;                                // kSignal: its number
  // kSuspend, kIsolate, kBlock: undone after so long, 0: until someone undoes it. kExec: killed after so long.
  uint64_t timeout_ms = 0;
  std::string address = {};               // kBlock: a field that holds an address; always set
  ActionFile file = ActionFile::kExe;     // kQuarantine
  std::vector<std::string> program = {};  // kExec: an absolute path, and arguments
  bool operator==(const Action&) const = default;
};

struct Response {
  std::string name;
  std::string description;
  std::string condition;  // as written, after append and override
  Action action;
  bool enabled = true;  // false: compiled, never asked
  bool dry_run = false;
  uint32_t budget_per_min = kResponseBudgetPerMin;  // 0: none, it only tells
  Position position;                                // of the item's name in its file
};

// "kill the process", "block fd.rip for 10m": for people.
[[nodiscard]] std::string to_string(const Action& action);

// The address that `block` is about, as the event has it: 4 or 16 bytes in network order. Nothing: the event has none.
// `view` is of no account for addresses. Deciding thread.
struct ResponseAddress {
  bool v6 = false;
  std::array<uint8_t, 16> bytes{};
};
[[nodiscard]] std::optional<ResponseAddress> address_of(const Action& action, const context::Event& event);

}  // namespace tiercel::rule
