#include "agent/rule/verdict.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "agent/rule/compile.h"

namespace tiercel::rule {
namespace {

// True if no event has a say in it.
bool of_alert_alone(const Program& program, uint32_t index) {
  const Operand& operand = program.operands[index];
  if (operand.field) return operand.field->of_alert != nullptr;
  return std::all_of(operand.parts.begin(), operand.parts.end(),
                     [&](uint32_t part) { return of_alert_alone(program, part); });
}

bool of_alert_alone(const Program& program, const Test& test) {
  return of_alert_alone(program, test.operand) && (test.right == Test::kNoRight || of_alert_alone(program, test.right));
}

}  // namespace

// What the facts of one rule decide of every condition.
class Verdicts::Planner {
 public:
  explicit Planner(const VerdictParts& parts) : parts_(parts) {
    scratch_.bind(parts.program);
    for (const Test& test : parts.program.tests) known_.push_back(of_alert_alone(parts.program, test));
  }

  Plan plan(const Rule& rule) {
    const AlertFacts facts = facts_of(rule);
    scratch_.begin_event();
    Plan out;
    for (uint32_t n = 0; n < parts_.responses.size(); ++n) {
      const Fate fate = parts_.responses[n].enabled ? fate_of(parts_.response_entries[n], facts) : Fate::kNever;
      if (fate != Fate::kNever) out.responses.push_back({n, fate == Fate::kAlways});
    }
    for (uint32_t n = 0; n < parts_.outputs.size(); ++n) {
      const Fate fate = fate_of(parts_.output_entries[n], facts);
      if (fate != Fate::kAlways) out.outputs.push_back({n, fate == Fate::kNever});
    }
    return out;
  }

 private:
  // By the ends that can be reached where the facts take their edge and everything else both.
  Fate fate_of(uint32_t entry, const AlertFacts& facts) {
    bool hit = false, miss = false;
    std::set<uint32_t> seen;
    std::vector<uint32_t> todo{entry};
    while (!todo.empty()) {
      const uint32_t pc = todo.back();
      todo.pop_back();
      hit = hit || pc == kHit;
      miss = miss || pc == kMiss;
      if (pc >= kMiss || !seen.insert(pc).second) continue;
      const Inst& inst = parts_.program.code[pc];
      if (!known_[inst.test]) {
        todo.push_back(inst.yes);
        todo.push_back(inst.no);
      } else {
        todo.push_back(scratch_.test(parts_.program, inst.test, Subject(nullptr, facts)) ? inst.yes : inst.no);
      }
    }
    return !hit ? Fate::kNever : miss ? Fate::kDepends : Fate::kAlways;
  }

  const VerdictParts& parts_;
  Scratch scratch_;
  std::vector<bool> known_;  // by test
};

Verdicts::Verdicts(VerdictParts parts, const std::vector<Rule>& rules) : parts_(std::move(parts)) {
  index_texts(parts_.program);
  Planner planner(parts_);
  std::map<Plan, uint32_t> numbers;
  for (const Rule& rule : rules) {
    const auto [it, fresh] = numbers.try_emplace(planner.plan(rule), static_cast<uint32_t>(plans_.size()));
    if (fresh) plans_.push_back(it->first);
    plan_of_.push_back(it->second);
  }
}

std::string Verdicts::explain(size_t response) const {
  return listing(parts_.program, parts_.response_entries[response]);
}

void Verdicts::add_fields_read(std::set<std::string, std::less<>>& names) const {
  std::vector<uint32_t> entries = parts_.output_entries;
  for (size_t n = 0; n < parts_.responses.size(); ++n) {
    if (!parts_.responses[n].enabled) continue;
    entries.push_back(parts_.response_entries[n]);
    if (parts_.responses[n].action.type == ActionType::kBlock) names.insert(parts_.responses[n].action.address);
  }
  add_fields_of(parts_.program, entries, {}, names);
}

// ---- VerdictJudge ------------------------------------------------------------------------------------------------

bool VerdictJudge::holds(const Program& program, uint32_t entry, Subject subject) {
  using context::PathView;
  scratch_.set_view(PathView::kLexical);
  if (scratch_.run(program, entry, subject)) return true;
  if (!subject.event || !subject.event->has_two_paths()) return false;
  scratch_.set_view(PathView::kKernel);
  return scratch_.run(program, entry, subject);
}

const Verdict& VerdictJudge::judge(const Verdicts& verdicts, RuleId id, const Rule& rule, const context::Event& event) {
  verdict_.responses.clear();
  verdict_.refused_by.clear();
  const Verdicts::Plan& plan = verdicts.plans_[verdicts.plan_of_[id]];
  if (plan.empty()) return verdict_;
  const VerdictParts& parts = verdicts.parts_;
  const AlertFacts facts = facts_of(rule);
  const Subject subject(&event, facts);
  scratch_.begin_event();
  for (const Verdicts::Ask& ask : plan.responses)
    if (ask.always || holds(parts.program, parts.response_entries[ask.index], subject))
      verdict_.responses.push_back(&parts.responses[ask.index]);
  for (const Verdicts::Ask& ask : plan.outputs)
    if (ask.always || !holds(parts.program, parts.output_entries[ask.index], subject))
      verdict_.refused_by.push_back(parts.outputs[ask.index]);
  return verdict_;
}

const Verdict& VerdictJudge::judge_report(const Verdicts& verdicts, const AlertFacts& facts) {
  verdict_.responses.clear();
  verdict_.refused_by.clear();
  scratch_.begin_event();
  const VerdictParts& parts = verdicts.parts_;
  for (size_t n = 0; n < parts.outputs.size(); ++n)
    if (!holds(parts.program, parts.output_entries[n], Subject(nullptr, facts)))
      verdict_.refused_by.push_back(parts.outputs[n]);
  return verdict_;
}

}  // namespace tiercel::rule
