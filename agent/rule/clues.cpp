#include "agent/rule/clues.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "agent/rule/estimate.h"
#include "agent/rule/literals.h"

namespace tiercel::rule {
namespace {

constexpr size_t kCluesMax = 12;     // per rule and conjunction
constexpr size_t kRanks = 3;         // of an alternative's clues: text, flag, another flag
constexpr size_t kAnyOfMax = 64;     // more alternatives than that say nothing
constexpr double kPlainShare = 100;  // a flag or number, by a text: how many more events have it
constexpr double kSharers = 4;       // rules that a look-up is made for, as long as nobody has counted them

// What a subtree needs in order to have a given value, on one event type.
struct Need {
  enum class Kind : uint8_t { kNever, kNothing, kClues } kind = Kind::kNothing;
  std::vector<Clue> clues;
};

class Finder {
 public:
  Finder(const Program& program, size_t type, const MayAsk& may_ask)
      : program_(program), type_(type), may_ask_(may_ask) {}

  [[nodiscard]] Need find(const Typed& tree, bool wanted) const {
    switch (tree.kind) {
      case Typed::Kind::kTest:
        return of_test(tree.test, wanted);
      case Typed::Kind::kNot:
        return find(tree.children.front(), !wanted);
      case Typed::Kind::kAnd:
        return wanted ? all_of(tree, wanted) : any_of(tree, wanted);
      case Typed::Kind::kOr:
        return wanted ? any_of(tree, wanted) : all_of(tree, wanted);
    }
    return {};
  }

 private:
  [[nodiscard]] Need of_test(uint32_t index, bool wanted) const {
    const Test& test = program_.tests[index];
    if (!test.event_types.empty())
      return {test.event_types[type_] == wanted ? Need::Kind::kNothing : Need::Kind::kNever, {}};
    if (holds_never(program_, test)) return {wanted ? Need::Kind::kNever : Need::Kind::kNothing, {}};
    if (may_ask_ && !may_ask_({index, wanted})) return {};
    return {Need::Kind::kClues, {Clue{{{index, wanted}}}}};
  }

  [[nodiscard]] Need all_of(const Typed& tree, bool wanted) const {
    Need out;
    for (const Typed& child : tree.children) {
      Need need = find(child, wanted);
      if (need.kind == Need::Kind::kNever) return need;
      for (Clue& clue : need.clues) out.clues.push_back(std::move(clue));
    }
    if (out.clues.empty()) return out;
    out.kind = Need::Kind::kClues;
    if (out.clues.size() > kCluesMax) {
      std::stable_sort(out.clues.begin(), out.clues.end(),
                       [this](const Clue& a, const Clue& b) { return price(a) < price(b); });
      out.clues.resize(kCluesMax);
    }
    return out;
  }

  [[nodiscard]] Need any_of(const Typed& tree, bool wanted) const {
    std::vector<Need> possible;
    for (const Typed& child : tree.children) {
      Need need = find(child, wanted);
      if (need.kind == Need::Kind::kNothing) return need;
      if (need.kind == Need::Kind::kClues) possible.push_back(std::move(need));
    }
    if (possible.empty()) return {Need::Kind::kNever, {}};
    if (possible.size() == 1) return std::move(possible.front());
    Need out{Need::Kind::kClues, shared_clues(possible)};
    for (Need& need : possible)
      std::stable_sort(need.clues.begin(), need.clues.end(),
                       [this](const Clue& a, const Clue& b) { return price(a) < price(b); });
    // The best of each; for the kernel, which asks for all that is needed, the second and third of each as well.
    for (size_t rank = 0; rank < (may_ask_ ? kRanks : 1); ++rank) {
      Clue together = one_of_each(possible, rank);
      const bool known = std::find(out.clues.begin(), out.clues.end(), together) != out.clues.end();
      if (together.any_of.size() <= kAnyOfMax && !known) out.clues.push_back(std::move(together));
    }
    if (out.clues.empty()) out.kind = Need::Kind::kNothing;
    return out;
  }

  // The clue of that rank, or the last, of each alternative: it has one, whichever of them holds.
  [[nodiscard]] static Clue one_of_each(const std::vector<Need>& needs, size_t rank) {
    Clue together;
    for (const Need& need : needs) {
      const Clue& clue = need.clues[std::min(rank, need.clues.size() - 1)];
      together.any_of.insert(together.any_of.end(), clue.any_of.begin(), clue.any_of.end());
    }
    std::sort(together.any_of.begin(), together.any_of.end());
    together.any_of.erase(std::unique(together.any_of.begin(), together.any_of.end()), together.any_of.end());
    return together;
  }

  // What every alternative needs.
  [[nodiscard]] static std::vector<Clue> shared_clues(const std::vector<Need>& needs) {
    std::vector<Clue> out;
    for (const Clue& clue : needs.front().clues)
      if (std::all_of(needs.begin() + 1, needs.end(), [&](const Need& other) {
            return std::find(other.clues.begin(), other.clues.end(), clue) != other.clues.end();
          }))
        out.push_back(clue);
    return out;
  }

  [[nodiscard]] double price(const Clue& clue) const {
    double sum = 0;
    for (const Wanted& wanted : clue.any_of) {
      const Test& test = program_.tests[wanted.test];
      if (may_ask_) {  // what a few events satisfy is all that counts there
        sum += class_of(test.type) == TypeClass::kText ? 1 : kPlainShare;
        continue;
      }
      const double chance = chance_of(program_, test);
      sum += kRunCost * (wanted.answer ? chance : 1 - chance);
      match::Kind kind{};
      if (wanted.answer && indexable(program_, test, &kind))
        sum += look_up_cost(program_.operands[test.operand], kind) / kSharers;
      else
        sum += kPlainTestCost * test.cost;
    }
    return sum;
  }

  const Program& program_;
  size_t type_;
  const MayAsk& may_ask_;
};

void collect_type_tests(const Typed& tree, const Program& program, std::set<uint32_t>& out) {
  if (tree.kind == Typed::Kind::kTest && !program.tests[tree.test].event_types.empty()) out.insert(tree.test);
  for (const Typed& child : tree.children) collect_type_tests(child, program, out);
}

}  // namespace

std::vector<Clues> find_clues(const Typed& tree, const Program& program, const EventTypes& types,
                              const MayAsk& may_ask) {
  std::set<uint32_t> type_tests;
  collect_type_tests(tree, program, type_tests);
  // Event types that answer all those tests alike are one case.
  std::map<std::vector<bool>, EventTypes> cases;
  for (size_t type = 0; type < EVT_COUNT; ++type) {
    if (!types[type]) continue;
    std::vector<bool> answers;
    for (uint32_t test : type_tests) answers.push_back(program.tests[test].event_types[type]);
    cases[answers].set(type);
  }
  std::vector<Clues> out;
  for (const auto& [answers, members] : cases) {
    size_t type = 0;
    while (!members[type]) ++type;
    Need need = Finder(program, type, may_ask).find(tree, true);
    if (need.kind != Need::Kind::kNever) out.push_back({members, std::move(need.clues)});
  }
  return out;
}

}  // namespace tiercel::rule
