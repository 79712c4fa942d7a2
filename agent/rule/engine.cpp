#include "agent/rule/engine.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <set>
#include <utility>

#include "agent/rule/compile.h"

namespace tiercel::rule {
namespace {

// FNV-1a over everything that decides what the set does.
class Digest {
 public:
  void add(std::string_view text) {
    for (char c : text) add_byte(static_cast<unsigned char>(c));
    add_byte(0);
  }
  [[nodiscard]] std::string text() const { return fmt::format("{:016x}", hash_); }

 private:
  void add_byte(unsigned char byte) { hash_ = (hash_ ^ byte) * 0x100000001b3ull; }
  uint64_t hash_ = 0xcbf29ce484222325ull;
};

}  // namespace

// ---- Scratch -----------------------------------------------------------------------------------------------------

void Scratch::bind(const Program& program) {
  epoch_ = 0;
  values_.assign(program.operands.size() * 2, Value());
  value_epochs_.assign(program.operands.size() * 2, 0);
  test_stamps_.assign(program.tests.size() * 2, 0);
}

void Scratch::begin_event() {
  arena_.reset();
  view_ = context::PathView::kLexical;
  if (++epoch_ < UINT32_MAX / 2) return;
  std::fill(value_epochs_.begin(), value_epochs_.end(), 0);
  std::fill(test_stamps_.begin(), test_stamps_.end(), 0);
  epoch_ = 1;
}

Value Scratch::operand(const Program& program, uint32_t index, const context::Event& event) {
  const Operand& operand = program.operands[index];
  const size_t at = slot(operand.path, index, program.operands.size());
  if (value_epochs_[at] == epoch_) return values_[at];
  Value out;
  switch (operand.kind) {
    case Operand::Kind::kField:
      if (operand.field->get) out = operand.field->get({event, operand.arg, arena_, view_});
      break;
    case Operand::Kind::kLiteral:
      out = Value::of_text(operand.literal);
      break;
    case Operand::Kind::kLiteralList:
    case Operand::Kind::kTransformer: {
      Value* parts = arena_.values(operand.parts.size());
      for (size_t n = 0; n < operand.parts.size(); ++n) parts[n] = this->operand(program, operand.parts[n], event);
      const std::span<const Value> all{parts, operand.parts.size()};
      out = operand.kind == Operand::Kind::kTransformer ? apply(operand, all, arena_) : Value::of_list(all);
      break;
    }
  }
  values_[at] = out;
  value_epochs_[at] = epoch_;
  return out;
}

bool Scratch::test(const Program& program, uint32_t index, const context::Event& event) {
  const Test& test = program.tests[index];
  if (!test.event_types.empty()) return test.event_types[event.info().type];
  const size_t at = slot(test.path, index, program.tests.size());
  if (test_stamps_[at] / 2 == epoch_) return (test_stamps_[at] & 1) != 0;
  const Value left = operand(program, test.operand, event);
  bool result = false;
  if (!left.missing()) {
    if (test.right == Test::kNoRight) {
      result = evaluate(test, left, nullptr);
    } else {
      const Value right = operand(program, test.right, event);
      result = evaluate(test, left, &right);
    }
  }
  test_stamps_[at] = epoch_ * 2 + (result ? 1 : 0);
  return result;
}

bool Scratch::run(const Program& program, uint32_t entry, const context::Event& event) {
  uint32_t pc = entry;
  while (pc < kMiss) {
    const Inst& inst = program.code[pc];
    pc = test(program, inst.test, event) ? inst.yes : inst.no;
  }
  return pc == kHit;
}

// ---- RuleSet -----------------------------------------------------------------------------------------------------

RuleSet::RuleSet(RuleSetParts parts) : parts_(std::move(parts)), buckets_(EVT_COUNT) {
  Digest digest;
  digest.add(parts_.matching == Matching::kFirst ? "first" : "all");
  for (RuleId id = 0; id < parts_.rules.size(); ++id) {
    const Rule& rule = parts_.rules[id];
    for (const std::string* text : {&rule.name, &rule.condition, &rule.output, &rule.description}) digest.add(*text);
    for (const std::string& tag : rule.tags) digest.add(tag);
    digest.add(parts_.active[id] ? display_name(rule.priority) : "off");
    digest.add(listing(parts_.program, parts_.entries[id]));
    if (!parts_.active[id]) continue;
    needed_ |= parts_.types[id];
    for (size_t type = 0; type < EVT_COUNT; ++type)
      if (parts_.types[id][type]) buckets_[type].push_back(id);
  }
  digest_ = digest.text();
}

size_t RuleSet::active_count() const {
  return static_cast<size_t>(std::count(parts_.active.begin(), parts_.active.end(), true));
}

std::optional<RuleId> RuleSet::find(std::string_view name) const {
  for (RuleId id = 0; id < parts_.rules.size(); ++id)
    if (parts_.rules[id].name == name) return id;
  return std::nullopt;
}

bool RuleSet::reads_field(std::string_view name) const {
  const Program& program = parts_.program;
  std::vector<bool> tests(program.tests.size());
  std::set<uint32_t> operands;
  for (RuleId id = 0; id < parts_.rules.size(); ++id) {
    if (!parts_.active[id]) continue;
    std::vector<uint32_t> todo{parts_.entries[id]};
    std::set<uint32_t> seen;
    while (!todo.empty()) {
      const uint32_t pc = todo.back();
      todo.pop_back();
      if (pc >= kMiss || !seen.insert(pc).second) continue;
      tests[program.code[pc].test] = true;
      todo.push_back(program.code[pc].yes);
      todo.push_back(program.code[pc].no);
    }
    for (const FormatPart& part : parts_.formats[id].parts)
      if (part.operand != FormatPart::kNone) operands.insert(part.operand);
    for (const FormatField& field : parts_.formats[id].fields) operands.insert(field.operand);
  }
  for (size_t n = 0; n < tests.size(); ++n) {
    if (!tests[n]) continue;
    operands.insert(program.tests[n].operand);
    if (program.tests[n].right != Test::kNoRight) operands.insert(program.tests[n].right);
  }
  std::vector<uint32_t> todo(operands.begin(), operands.end());
  while (!todo.empty()) {
    const Operand& operand = program.operands[todo.back()];
    todo.pop_back();
    if (operand.field && operand.field->name == name) return true;
    todo.insert(todo.end(), operand.parts.begin(), operand.parts.end());
  }
  return false;
}

std::string RuleSet::explain(RuleId id) const {
  return listing(parts_.program, parts_.entries[id]);
}

// ---- Matcher -----------------------------------------------------------------------------------------------------

Matcher::Matcher(std::shared_ptr<const RuleSet> rules) : rules_(std::move(rules)) {
  scratch_.bind(rules_->parts().program);
}

std::span<const Match> Matcher::match(const context::Event& event) {
  using context::PathView;
  matches_.clear();
  const size_t type = event.info().type;
  if (type >= EVT_COUNT) return matches_;
  const std::span<const RuleId> bucket = rules_->bucket(type);
  if (bucket.empty()) return matches_;
  const RuleSetParts& parts = rules_->parts();
  scratch_.begin_event();
  const bool two_paths = event.has_two_paths();
  for (RuleId id : bucket) {
    PathView view = PathView::kLexical;
    scratch_.set_view(view);
    bool hit = scratch_.run(parts.program, parts.entries[id], event);
    if (!hit && two_paths) {
      view = PathView::kKernel;
      scratch_.set_view(view);
      hit = scratch_.run(parts.program, parts.entries[id], event);
    }
    if (!hit) continue;
    matches_.push_back({id, view});
    if (parts.matching == Matching::kFirst) break;
  }
  return matches_;
}

Rendered Matcher::render(const Match& match, const context::Event& event) {
  scratch_.set_view(match.view);
  return render_format(rules_->format(match.rule), rules_->parts().program, scratch_, event);
}

}  // namespace tiercel::rule
