#include "agent/rule/engine.h"

#include <fmt/core.h>

#include <algorithm>
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
  [[nodiscard]] uint64_t value() const { return hash_; }
  [[nodiscard]] std::string text() const { return fmt::format("{:016x}", hash_); }

 private:
  void add_byte(unsigned char byte) { hash_ = (hash_ ^ byte) * 0x100000001b3ull; }
  uint64_t hash_ = 0xcbf29ce484222325ull;
};

}  // namespace

// ---- RuleSet -----------------------------------------------------------------------------------------------------

RuleSet::RuleSet(RuleSetParts parts) : parts_(std::move(parts)) {
  index_texts(parts_.program);
  dispatch_ = Dispatch(parts_.program, parts_.clues, parts_.active);
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
  }
  for (RuleId id = 0; id < parts_.rules.size(); ++id) {
    const Rule& rule = parts_.rules[id];
    if (!rule.threshold) continue;
    digest.add(to_string(*rule.threshold));
    Digest own;
    for (const std::string& text : {rule.name, listing(parts_.program, parts_.entries[id]), to_string(*rule.threshold)})
      own.add(text);
    parts_.counting[parts_.counters[id]].identity = own.value();
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

std::set<std::string, std::less<>> RuleSet::fields_read() const {
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
    for (const auto& [key, parts] : parts_.formats[id].formatted)
      for (const FormatPart& part : parts)
        if (part.operand != FormatPart::kNone) operands.insert(part.operand);
    if (parts_.counters[id] == Counting::kNone) continue;
    const Counting& counting = parts_.counting[parts_.counters[id]];
    operands.insert(counting.group_by.begin(), counting.group_by.end());
    if (counting.distinct != Counting::kNone) operands.insert(counting.distinct);
  }
  for (size_t n = 0; n < tests.size(); ++n) {
    if (!tests[n]) continue;
    operands.insert(program.tests[n].operand);
    if (program.tests[n].right != Test::kNoRight) operands.insert(program.tests[n].right);
  }
  std::set<std::string, std::less<>> names;
  std::vector<uint32_t> todo(operands.begin(), operands.end());
  while (!todo.empty()) {
    const Operand& operand = program.operands[todo.back()];
    todo.pop_back();
    if (operand.field) {
      const std::string name(operand.field->name);
      names.insert(name);
      if (operand.arg.given) names.insert(name + "[" + operand.arg.text + "]");
    }
    todo.insert(todo.end(), operand.parts.begin(), operand.parts.end());
  }
  return names;
}

std::string RuleSet::explain(RuleId id) const {
  return listing(parts_.program, parts_.entries[id]);
}

// ---- Matcher -----------------------------------------------------------------------------------------------------

Matcher::Matcher(std::shared_ptr<const RuleSet> rules) : rules_(std::move(rules)), tallies_(rules_->parts().counting) {
  scratch_.bind(rules_->parts().program);
  candidates_.bind(rules_->size());
}

std::optional<context::PathView> Matcher::holds(RuleId id, const context::Event& event, bool two_paths) {
  using context::PathView;
  const RuleSetParts& parts = rules_->parts();
  for (const PathView view : {PathView::kLexical, PathView::kKernel}) {
    if (view == PathView::kKernel && !two_paths) break;
    scratch_.set_view(view);
    if (scratch_.run(parts.program, parts.entries[id], event)) return view;
  }
  return std::nullopt;
}

bool Matcher::fires(RuleId id, const context::Event& event) {
  const RuleSetParts& parts = rules_->parts();
  const uint32_t index = parts.counters[id];
  if (index == Counting::kNone) return true;
  const Count count = tallies_.add(index, parts.counting[index], parts.program, scratch_, event);
  counted_.push_back({id, count});
  return count.fires;
}

std::span<const Match> Matcher::match(const context::Event& event) {
  matches_.clear();
  counted_.clear();
  const size_t type = event.info().type;
  const RuleSetParts& parts = rules_->parts();
  if (type >= EVT_COUNT || rules_->dispatch().bucket_of(type) == Dispatch::kNoBucket) return matches_;
  scratch_.begin_event();
  const bool two_paths = event.has_two_paths();
  for (RuleId id : candidates_.find(rules_->dispatch(), parts.program, scratch_, event, two_paths)) {
    const auto view = holds(id, event, two_paths);
    if (!view || !fires(id, event)) continue;
    matches_.push_back({id, *view});
    if (parts.matching == Matching::kFirst) break;
  }
  return matches_;
}

Rendered Matcher::render(const Match& match, const context::Event& event) {
  scratch_.set_view(match.view);
  return render_format(rules_->format(match.rule), rules_->parts().program, scratch_, event);
}

}  // namespace tiercel::rule
