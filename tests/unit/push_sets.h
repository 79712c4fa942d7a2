// What rules make the kernel look for, and how it looks (bpf/include/push*.h), for tests.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>

#include "agent/rule/load.h"
#include "agent/rule/push_down.h"

namespace tiercel::tests {

// As bpf/include/push.h runs it.
inline bool finds(const push_set& set, std::string_view text, uint32_t fact) {
  uint32_t state = set.begin;
  bool found = false;
  const auto step = [&](uint32_t c) {
    const uint32_t next = set.next[state * PUSH_CLASSES_MAX + c % PUSH_CLASSES_MAX];
    state = next % PUSH_STATES_MAX;
    CHECK(((next & PUSH_FINDS) != 0) == (set.out_of[state] != 0));
    found |= (set.outs[set.out_of[state]].facts[fact / 64] >> (fact % 64) & 1) != 0;
  };
  for (char c : text) step(set.class_of[static_cast<uint8_t>(c)]);
  step(PUSH_END);
  return found;
}

inline std::shared_ptr<const push_set> pushed(const std::string& rules) {
  rule::LoadOptions options;
  options.lint = false;
  const rule::Loaded loaded = rule::load_texts({{"test", rules}}, options);
  REQUIRE_MESSAGE(loaded.rules, loaded.diagnostics.render_all(false));
  return rule::push_down(*loaded.rules);
}

inline std::string one(const std::string& name, const std::string& condition) {
  return "- rule: " + name + "\n  desc: d\n  condition: " + condition + "\n  output: o\n  priority: NOTICE\n";
}

// Would an open with these facts be sent?
inline bool sent(const push_set& set, uint16_t type, std::initializer_list<uint32_t> facts) {
  if (set.type_of[type] == 0) return true;
  const push_type& row = set.types[set.type_of[type] - 1];
  uint64_t have[PUSH_WORDS] = {};
  for (uint32_t fact : facts) have[fact / 64] |= uint64_t{1} << (fact % 64);
  const auto any = [&](const __u64* of) {
    return std::any_of(std::begin(have), std::end(have),
                       [&](const uint64_t& word) { return (word & of[&word - have]) != 0; });
  };
  if (!any(row.some_of)) return false;
  for (uint32_t at = row.first; at < row.end;) {
    const push_clause& clause = set.clauses[at];
    if (!any(clause.any_of))
      at = clause.next;
    else if (clause.last != 0)
      return true;
    else
      ++at;
  }
  return false;
}

}  // namespace tiercel::tests
