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

// Nobody looks: costs nothing.
struct NoWatch {
  void found() {}
  void tried(RuleId, bool) {}
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
  verdicts_ = Verdicts(std::move(parts_.verdicts), parts_.rules);
  for (size_t n = 0; n < verdicts_.responses().size(); ++n) {
    const Response& response = verdicts_.responses()[n];
    digest.add(response.name);
    digest.add(to_string(response.action));
    for (const std::string& word : response.action.program) digest.add(word);
    digest.add(fmt::format("{} {} {}", response.enabled, response.dry_run, response.budget_per_min));
    digest.add(verdicts_.explain(n));
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
  std::vector<uint32_t> entries;
  std::set<uint32_t> operands;
  for (RuleId id = 0; id < parts_.rules.size(); ++id) {
    if (!parts_.active[id]) continue;
    entries.push_back(parts_.entries[id]);
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
  std::set<std::string, std::less<>> names;
  add_fields_of(parts_.program, entries, operands, names);
  verdicts_.add_fields_read(names);
  return names;
}

std::string RuleSet::explain(RuleId id) const {
  return listing(parts_.program, parts_.entries[id]);
}

// ---- Matcher -----------------------------------------------------------------------------------------------------

Matcher::Matcher(std::shared_ptr<const RuleSet> rules) : rules_(std::move(rules)), tallies_(rules_->parts().counting) {
  scratch_.bind(rules_->parts().program);
  candidates_.bind(rules_->size());
  judge_.bind(rules_->verdicts());
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

template <class Watch>
std::span<const Match> Matcher::match_with(const context::Event& event, Watch& watch) {
  matches_.clear();
  counted_.clear();
  const size_t type = event.info().type;
  const RuleSetParts& parts = rules_->parts();
  if (type >= EVT_COUNT || rules_->dispatch().bucket_of(type) == Dispatch::kNoBucket) return matches_;
  scratch_.begin_event();
  const bool two_paths = event.has_two_paths();
  const std::span<const RuleId> candidates =
      candidates_.find(rules_->dispatch(), parts.program, scratch_, event, two_paths);
  watch.found();
  for (RuleId id : candidates) {
    const auto view = holds(id, event, two_paths);
    watch.tried(id, view.has_value());
    if (!view || !fires(id, event)) continue;
    matches_.push_back({id, *view});
    if (parts.matching == Matching::kFirst) break;
  }
  return matches_;
}

std::span<const Match> Matcher::match(const context::Event& event) {
  NoWatch nobody;
  return match_with(event, nobody);
}

std::span<const Match> Matcher::match(const context::Event& event, MatchWatch& watch) {
  return match_with(event, watch);
}

const Verdict& Matcher::judge(const Match& match, const context::Event& event) {
  return judge_.judge(rules_->verdicts(), match.rule, rules_->rule(match.rule), event);
}

const Verdict& Matcher::judge_report(const AlertFacts& facts) {
  return judge_.judge_report(rules_->verdicts(), facts);
}

Rendered Matcher::render(const Match& match, const context::Event& event) {
  scratch_.set_view(match.view);
  return render_format(rules_->format(match.rule), rules_->parts().program, scratch_, event);
}

}  // namespace tiercel::rule
