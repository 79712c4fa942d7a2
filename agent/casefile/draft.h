// Draft: a case on its way from an event to YAML: an ordered tree of maps, lists and texts, which prints as a person
// would write it. Plain data. draft_process.cpp and draft_event.cpp fill it with all that an event knows; what its
// rules do not need is taken out again by from_event.cpp.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/context/event.h"

namespace tiercel::casefile {

struct Draft {
  enum class Kind : uint8_t { kText, kMap, kList };
  Kind kind = Kind::kText;
  std::string text;
  std::vector<std::pair<std::string, Draft>> entries;
  std::vector<Draft> items;
  bool wanted = false;  // stays, whether a rule needs it or not

  Draft() = default;
  Draft(std::string value) : text(std::move(value)) {}  // NOLINT: that is the point
  Draft(std::string_view value) : text(value) {}        // NOLINT
  Draft(const char* value) : text(value) {}             // NOLINT
  static Draft map() { return of(Kind::kMap); }
  static Draft list() { return of(Kind::kList); }
  Draft& add(std::string key, Draft value) {
    entries.emplace_back(std::move(key), std::move(value));
    return entries.back().second;
  }
  [[nodiscard]] Draft* find(std::string_view key) {
    for (auto& [name, value] : entries)
      if (name == key) return &value;
    return nullptr;
  }

 private:
  static Draft of(Kind kind) {
    Draft out;
    out.kind = kind;
    return out;
  }
};

// A case as an item of the list `cases:`.
[[nodiscard]] std::string case_text(const Draft& what);
// On one line: `{name: web, image: "nginx:1.25"}`.
[[nodiscard]] std::string flow_text(const Draft& what);

// What the rules that a case is about read, by name: "proc.env[LD_PRELOAD]".
struct Needs {
  std::set<std::string, std::less<>> fields;
  [[nodiscard]] bool reads(std::string_view prefix) const;
};

// Who did it: the process and those above it. Environments hold what a rule names, and nothing else.
[[nodiscard]] Draft draft_process(const context::Event& event, const Needs& needs);
// What it did.
[[nodiscard]] Draft draft_event(const context::Event& event);
// Whom it names by number (ptrace, kill): a list of one, or of none.
[[nodiscard]] Draft draft_bystanders(const context::Event& event);

// The container's id is another one at each run: a made-up one takes its place in all texts.
void steady_ids(Draft& draft, const context::Event& event);

// Ports that the kernel chose differ each time and mean nothing: all are 40000.
[[nodiscard]] uint16_t steady_port(uint16_t port);

}  // namespace tiercel::casefile
