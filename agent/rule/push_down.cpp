#include "agent/rule/push_down.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <optional>
#include <set>
#include <utility>

#include "agent/rule/push_tests.h"

namespace tiercel::rule {
namespace {

using Clauses = std::vector<PushFacts>;  // sorted, distinct: each is needed

PushFacts operator|(PushFacts a, const PushFacts& b) {
  for (size_t w = 0; w < PUSH_WORDS; ++w) a[w] |= b[w];
  return a;
}

// What every event that satisfies the clue has. Nothing: the kernel cannot say.
std::optional<PushFacts> facts_of(const Clue& clue, PushShape shape, PushTests& tests, unsigned rank) {
  PushFacts any{};
  for (const Wanted& wanted : clue.any_of) {
    const auto facts = tests.facts_of(wanted, shape, rank);
    if (!facts) return std::nullopt;
    any = any | *facts;
  }
  return any;
}

// What is needed of every event of the clues' types. An empty list: nothing is.
Clauses clauses_of(const std::vector<Clue>& clues, PushShape shape, PushTests& tests) {
  std::set<PushFacts> out;
  for (const Clue& clue : clues)
    for (unsigned rank : {0U, 1U})
      if (const auto facts = facts_of(clue, shape, tests, rank)) out.insert(*facts);
  return {out.begin(), out.end()};
}

const Clues* clues_for(const RuleSet& rules, RuleId id, uint16_t type) {
  for (const Clues& clues : rules.parts().pushed[id])
    if (clues.types.test(type)) return &clues;
  return nullptr;
}

// Of the rules of one type; false: some rule needs every event.
bool rules_of(const RuleSet& rules, uint16_t type, PushShape shape, PushTests& tests, std::vector<Clauses>& out) {
  std::set<Clauses> distinct;
  for (RuleId id = 0; id < rules.size(); ++id) {
    if (!rules.active(id) || !rules.types(id).test(type)) continue;
    const Clues* clues = clues_for(rules, id, type);
    if (clues == nullptr) continue;  // it is never satisfied by such events
    Clauses clauses = clauses_of(clues->clues, shape, tests);
    if (clauses.empty()) return false;
    distinct.insert(std::move(clauses));
  }
  // Who needs all that another needs, and more, adds nothing.
  for (const Clauses& one : distinct)
    if (std::none_of(distinct.begin(), distinct.end(), [&](const Clauses& other) {
          return other.size() < one.size() && std::includes(one.begin(), one.end(), other.begin(), other.end());
        }))
      out.push_back(one);
  return true;
}

// A clause that few events satisfy comes first.
bool append(push_set& set, size_t& used, const std::vector<Clauses>& rules, const PushTests& tests, push_type& row) {
  row.first = static_cast<__u16>(used);
  for (Clauses clauses : rules) {
    std::stable_sort(clauses.begin(), clauses.end(),
                     [&](const PushFacts& a, const PushFacts& b) { return tests.chance_of(a) < tests.chance_of(b); });
    if (used + clauses.size() > PUSH_CLAUSES_MAX) return false;
    const size_t next = used + clauses.size();
    for (size_t w = 0; w < PUSH_WORDS; ++w) row.some_of[w] |= clauses.front()[w];
    for (const PushFacts& clause : clauses) {
      push_clause& made = set.clauses[used++];
      std::copy(clause.begin(), clause.end(), made.any_of);
      made.next = static_cast<__u16>(next);
      made.last = used == next ? 1 : 0;
    }
  }
  row.end = static_cast<__u16>(used);
  return true;
}

}  // namespace

std::vector<Clues> find_pushed(const Typed& tree, const Program& program, const EventTypes& types) {
  std::vector<Clues> out;
  for (const PushShape shape : kPushShapes) {
    EventTypes asked;
    for (uint16_t type = 1; type < EVT_COUNT; ++type)
      if (types.test(type) && push_shape(type) == shape) asked.set(type);
    if (asked.none()) continue;
    PushTests tests(program);
    std::vector<Clues> found = find_clues(
        tree, program, asked, [&](const Wanted& wanted) { return tests.facts_of(wanted, shape).has_value(); });
    std::move(found.begin(), found.end(), std::back_inserter(out));
  }
  return out;
}

std::unique_ptr<push_set> push_down(const RuleSet& rules) {
  auto set = std::make_unique<push_set>();
  PushTests tests(rules.parts().program);
  size_t used = 0;
  uint8_t rows = 0;
  for (uint16_t type = 1; type < EVT_COUNT && rows < PUSH_TYPES_MAX; ++type) {
    const auto shape = push_shape(type);
    if (!shape || !rules.event_types_needed().test(type)) continue;
    std::vector<Clauses> of_type;
    push_type& row = set->types[rows];
    if (!rules_of(rules, type, *shape, tests, of_type)) continue;
    if (!append(*set, used, of_type, tests, row)) {
      row = {};
      continue;
    }
    set->type_of[type] = ++rows;
  }
  return rows > 0 && tests.build(*set) ? std::move(set) : nullptr;
}

std::vector<PushedRule> pushed_rule(const RuleSet& rules, RuleId id) {
  std::vector<PushedRule> out;
  const Program& program = rules.parts().program;
  for (uint16_t type = 1; type < EVT_COUNT; ++type) {
    const auto shape = push_shape(type);
    const Clues* clues = shape && rules.types(id).test(type) ? clues_for(rules, id, type) : nullptr;
    if (clues == nullptr) continue;
    PushTests tests(program);
    PushedRule& row = out.emplace_back();
    row.type = type;
    for (const Clue& clue : clues->clues) {
      if (clauses_of({clue}, *shape, tests).empty()) continue;
      std::string text;
      for (const Wanted& wanted : clue.any_of)
        text +=
            (text.empty() ? "" : " or ") + std::string(wanted.answer ? "" : "not ") + program.tests[wanted.test].text;
      row.clauses.push_back(std::move(text));
    }
  }
  return out;
}

}  // namespace tiercel::rule
