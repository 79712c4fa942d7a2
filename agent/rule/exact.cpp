#include "agent/rule/exact.h"

#include <fmt/core.h>

#include <algorithm>
#include <compare>
#include <csignal>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "agent/rule/exact_tests.h"
#include "agent/rule/verdict.h"

namespace tiercel::rule {
namespace {

using Kind = KernelTest::Kind;
using Grade = KernelCondition::Grade;

constexpr size_t kStatesMax = 20'000;

bool is_start(const EventTypes& types) {
  return types.test(EVT_execve) || types.test(EVT_execveat);
}

// A program has to end in a certain way for the condition to hold.
struct Goal {
  bool of_response = false;  // in the responses' program, else in the rules'
  bool hit = true;
  uint32_t pc = 0;
  auto operator<=>(const Goal&) const = default;
};

// All goals of a list -> instructions that reach COND_HIT only if every goal is met whatever the tests say that the
// kernel does not know. Where it does not know a test, what follows on both of its edges becomes a goal.
class Builder {
 public:
  Builder(const RuleSet& rules, const Rule& rule) : rules_(rules), facts_(facts_of(rule)) {
    scratch_.bind(rules.verdicts().parts().program);
    scratch_.begin_event();
  }

  // From the last instruction backwards: where to begin. `fail`: where to go on if the goals are not met.
  uint32_t build(std::vector<Goal> goals, uint32_t fail) {
    goals_ = std::move(goals);
    fail_ = fail;
    known_.clear();
    return state({}, 0);
  }
  void set_rule(const Rule& rule) {
    facts_ = facts_of(rule);
    of_alert_.clear();
    scratch_.begin_event();
  }

  [[nodiscard]] bool too_large() const {
    return states_ > kStatesMax || insts_.size() >= COND_INSTS_MAX || tests_.bits() > COND_BITS_MAX;
  }
  [[nodiscard]] const std::string& first_unknown() const { return first_unknown_; }
  // What can be reached from `entry`, in the order of running.
  void finish(uint32_t entry, KernelCondition& out) {
    std::set<uint32_t, std::greater<>> reached;  // edges lead to what was made before
    std::vector<uint32_t> todo{entry};
    while (!todo.empty()) {
      const uint32_t at = todo.back();
      todo.pop_back();
      if (at >= COND_MISS || !reached.insert(at).second) continue;
      todo.push_back(insts_[at].yes);
      todo.push_back(insts_[at].no);
    }
    std::map<uint32_t, __u16> number{{COND_HIT, COND_HIT}, {COND_MISS, COND_MISS}};
    for (const uint32_t at : reached) number.emplace(at, static_cast<__u16>(number.size() - 2));
    for (const uint32_t at : reached) {
      cond_inst inst = insts_[at];
      inst.yes = number.at(inst.yes);
      inst.no = number.at(inst.no);
      out.program.push_back(inst);
    }
    if (entry == COND_HIT) out.program.push_back({0, CT_EQ, CN_ROOM - 1, COND_HIT, COND_MISS});  // 0 is 0
    out.texts = std::move(tests_.texts());
    out.bits = tests_.bits();
  }

 private:
  using Goals = std::vector<Goal>;

  [[nodiscard]] const Program& program_of(const Goal& goal) const {
    return goal.of_response ? rules_.verdicts().parts().program : rules_.parts().program;
  }

  // What an alert of the rule decides is decided now.
  const KernelTest& test_of(const Goal& goal, uint32_t index) {
    const Program& program = program_of(goal);
    const Test& test = program.tests[index];
    const FieldInfo* field = program.operands[test.operand].field;
    const bool of_alert = goal.of_response && field && field->of_alert && test.right == Test::kNoRight;
    auto& tests = of_alert ? of_alert_ : goal.of_response ? of_response_ : of_rule_;
    const auto it = tests.find(index);
    if (it != tests.end()) return it->second;
    KernelTest made;
    if (of_alert)
      made.kind = scratch_.test(program, index, Subject(nullptr, facts_)) ? Kind::kTrue : Kind::kFalse;
    else
      made = tests_.of(program, test);
    return tests.emplace(index, std::move(made)).first->second;
  }

  uint32_t state(Goals now, size_t next) {
    for (;;) {
      if (now.empty()) {
        if (next == goals_.size()) return COND_HIT;
        now.push_back(goals_[next++]);
      }
      const Goal goal = now.front();
      if (goal.pc < kMiss) break;
      if ((goal.pc == kHit) != goal.hit) return fail_;
      now.erase(now.begin());
    }
    if (++states_ > kStatesMax || insts_.size() >= COND_INSTS_MAX) return COND_MISS;
    const auto key = std::pair(now, next);
    if (const auto it = known_.find(key); it != known_.end()) return it->second;
    const uint32_t made = make(now, next);
    known_.emplace(key, made);
    return made;
  }

  uint32_t make(const Goals& now, size_t next) {
    const Goal goal = now.front();
    const Program& program = program_of(goal);
    const Inst& inst = program.code[goal.pc];
    const KernelTest& test = test_of(goal, inst.test);
    auto with = [&](std::initializer_list<uint32_t> pcs) {
      Goals out;
      for (const uint32_t pc : pcs) out.push_back({goal.of_response, goal.hit, pc});
      for (size_t n = 1; n < now.size(); ++n)
        if (std::find(out.begin(), out.end(), now[n]) == out.end()) out.push_back(now[n]);
      return out;
    };
    if (test.kind == Kind::kTrue) return state(with({inst.yes}), next);
    if (test.kind == Kind::kFalse) return state(with({inst.no}), next);
    if (test.kind == Kind::kUnknown) {
      if (first_unknown_.empty()) first_unknown_ = program.tests[inst.test].text;
      return inst.yes == inst.no ? state(with({inst.yes}), next) : state(with({inst.yes, inst.no}), next);
    }
    const bool negated = test.negated;
    const std::vector<cond_inst> any = test.any;
    const uint32_t yes = state(with({negated ? inst.no : inst.yes}), next);
    const uint32_t no = state(with({negated ? inst.yes : inst.no}), next);
    return emit(any, yes, no);
  }

  uint32_t emit(const std::vector<cond_inst>& any, uint32_t yes, uint32_t no) {
    if (yes == no) return yes;
    for (size_t n = any.size(); n-- > 0;) {
      cond_inst inst = any[n];
      inst.yes = static_cast<__u16>(yes);
      inst.no = static_cast<__u16>(no);
      insts_.push_back(inst);
      no = static_cast<uint32_t>(insts_.size() - 1);
    }
    return no;
  }

  const RuleSet& rules_;
  AlertFacts facts_;
  Scratch scratch_;
  KernelTests tests_;
  std::map<uint32_t, KernelTest> of_rule_, of_response_, of_alert_;
  Goals goals_;
  uint32_t fail_ = COND_MISS;
  std::map<std::pair<Goals, size_t>, uint32_t> known_;
  std::vector<cond_inst> insts_;
  size_t states_ = 0;
  std::string first_unknown_;
};

KernelCondition refused(std::string reason) {
  KernelCondition out;
  out.reason = std::move(reason);
  return out;
}

// What of the action speaks against it; empty: nothing.
std::string why_not_action(const Action& action) {
  if (action.type != ActionType::kKill && action.type != ActionType::kSignal)
    return fmt::format("{} is done in user space", action_text(action.type));
  if (action.type == ActionType::kSignal && action.signal != SIGKILL)
    return "signals but SIGKILL are sent by user space";
  if (action.target != ActionTarget::kProcess)
    return fmt::format("the {} is found in user space", target_text(action.target));
  return {};
}

class Finder {
 public:
  Finder(const RuleSet& rules, size_t response) : rules_(rules), response_(response) {}

  KernelCondition find() {
    const Response& response = rules_.responses()[response_];
    if (!response.enabled) return refused("it is off");
    if (std::string why = why_not_action(response.action); !why.empty()) return refused(std::move(why));
    KernelCondition out;
    out.signal = response.action.type == ActionType::kKill ? SIGKILL : response.action.signal;
    std::vector<RuleId> chosen;
    bool asked = false;
    for (RuleId id = 0; id < rules_.size(); ++id) {
      if (!rules_.active(id) || !may_ask(id)) continue;
      asked = true;
      if (decides(id)) chosen.push_back(id);
    }
    if (!asked) return refused("no active rule asks for it");
    if (chosen.empty()) return refused(std::move(why_));
    Builder builder(rules_, rules_.rule(chosen.front()));
    uint32_t entry = COND_MISS;
    for (auto id = chosen.rbegin(); id != chosen.rend(); ++id) {
      builder.set_rule(rules_.rule(*id));
      entry = builder.build(goals_of(*id), entry);
      out.rules.insert(out.rules.begin(), rules_.rule(*id).name);
    }
    if (builder.too_large()) return refused("its condition is too long for the kernel");
    if (entry == COND_MISS) return refused(std::move(why_));
    builder.finish(entry, out);
    out.grade = why_.empty() && builder.first_unknown().empty() ? Grade::kExact : Grade::kSufficient;
    if (out.grade == Grade::kSufficient)
      out.reason = why_.empty() ? fmt::format("{} is judged in user space", builder.first_unknown()) : why_;
    return out;
  }

 private:
  // Could an alert of that rule ask for the response, whatever the event?
  [[nodiscard]] bool may_ask(RuleId id) const {
    Builder builder(rules_, rules_.rule(id));
    return builder.build({{true, false, rules_.verdicts().parts().response_entries[response_]}}, COND_MISS) != COND_HIT;
  }

  [[nodiscard]] std::vector<Goal> goals_of(RuleId id) const {
    const RuleSetParts& parts = rules_.parts();
    std::vector<Goal> goals{{false, true, parts.entries[id]},
                            {true, true, rules_.verdicts().parts().response_entries[response_]}};
    if (parts.matching == Matching::kFirst)
      for (RuleId earlier = 0; earlier < id; ++earlier)
        if (rules_.active(earlier) && is_start(rules_.types(earlier)))
          goals.push_back({false, false, parts.entries[earlier]});
    return goals;
  }

  void note(std::string why) {
    if (why_.empty()) why_ = std::move(why);
  }

  // Is there a start of a program for which the kernel is certain? If not, why.
  bool decides(RuleId id) {
    const Rule& rule = rules_.rule(id);
    if (!is_start(rules_.types(id)))
      return note(fmt::format("\"{}\" is about other events than starts of programs", rule.name)), false;
    if (rule.threshold) return note(fmt::format("\"{}\" counts, which user space does", rule.name)), false;
    std::vector<Goal> goals = goals_of(id);
    Builder builder(rules_, rule);
    if (builder.build({goals[0], goals[1]}, COND_MISS) == COND_MISS) {
      note(builder.too_large()               ? "its condition is too long for the kernel"
           : builder.first_unknown().empty() ? fmt::format("\"{}\" holds for no start in a container", rule.name)
                                             : fmt::format("{} is judged in user space", builder.first_unknown()));
      return false;
    }
    const RuleSetParts& parts = rules_.parts();
    for (size_t n = 2; n < goals.size(); ++n) {
      Builder alone(rules_, rule);
      if (alone.build({goals[0], goals[1], goals[n]}, COND_MISS) != COND_MISS) continue;
      for (RuleId earlier = 0; earlier < id; ++earlier)
        if (parts.entries[earlier] == goals[n].pc)
          note(fmt::format(
              "\"{}\" comes before \"{}\" and may take the event (rule_matching: first), and {} is judged in "
              "user space",
              rules_.rule(earlier).name, rule.name, alone.first_unknown()));
      return false;
    }
    return true;
  }

  const RuleSet& rules_;
  size_t response_;
  std::string why_;
};

}  // namespace

KernelCondition kernel_condition(const RuleSet& rules, size_t response) {
  return Finder(rules, response).find();
}

std::string_view grade_text(Grade grade) {
  switch (grade) {
    case Grade::kNone:
      break;
    case Grade::kSufficient:
      return "in part";
    case Grade::kExact:
      return "exact";
  }
  return "no";
}

}  // namespace tiercel::rule
