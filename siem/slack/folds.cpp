#include "siem/slack/folds.h"

#include <algorithm>

namespace tiercel::slack {
namespace {

constexpr uint64_t kNever = siem::Service::kNever;
constexpr char kBetween = '\0';  // of a key's parts: no path, name or id holds it
constexpr unsigned kGatherSteps = 4;

std::string base_name(const std::string& path) {
  return path.substr(path.find_last_of('/') + 1);
}

std::string program_of(const Facts& facts) {
  if (!facts.script.empty()) return base_name(facts.script);
  return facts.process.empty() ? base_name(facts.exepath) : facts.process;
}

std::string place_of(const alert::Alert& alert, const Facts& facts) {
  if (alert.source == "internal") return "agent";
  std::string place = facts.container_id.empty() ? facts.container : facts.container_id;
  place += kBetween;
  place += facts.exepath.empty() ? facts.process : facts.exepath;
  place += kBetween;
  place += facts.script;
  return place;
}

}  // namespace

Folds::Folds(FoldOptions options)
    : options_(options), new_rule_ns_(kNever), new_place_ns_(kNever), window_end_ns_(kNever) {}

Folds::Fold& Folds::fold_of(const alert::Alert& alert, const Facts& facts, siem::RowId id, uint64_t now_ns) {
  if (options_.window_ns == 0) return folds_[std::to_string(order_) + kBetween + std::to_string(id.seq)];
  std::string key = alert.rule + kBetween + place_of(alert, facts);
  if (const auto found = folds_.find(key); found != folds_.end()) return found->second;
  if (folds_.size() >= kPlacesMax) forget_ended(now_ns);
  if (folds_.size() < kPlacesMax) return folds_[std::move(key)];
  Fold& fold = folds_[alert.rule + kBetween];  // no place has this key: a place's parts have kBetween between them
  fold.now.many_places = true;
  return fold;
}

void Folds::take(siem::RowId id, const alert::AlertPtr& alert, uint64_t now_ns) {
  const Facts facts = facts_of(*alert);
  Fold& fold = fold_of(*alert, facts, id, now_ns);
  Told& told = fold.now;
  if (told.count == 0) {
    if (now_ns >= fold.window_end_ns) fold.window_end_ns = 0;  // a window without an alert
    const auto until = told_until_.find(alert->rule);
    told.repeats = fold.window_end_ns != 0;
    fold.urgency = told.repeats                                           ? Urgency::kRepeat
                   : until != told_until_.end() && now_ns < until->second ? Urgency::kNewPlace
                                                                          : Urgency::kNewRule;
    fold.rule = alert->rule;
    fold.since_ns = now_ns;
    fold.order = order_++;
    told.alert = alert;
    told.first_ns = told.last_ns = alert->time_ns;
    told.program = program_of(facts);
    told.where = facts.container.empty() ? facts.container_id : facts.container;
    note(fold);
  }
  ++told.count;
  told.first_ns = std::min(told.first_ns, alert->time_ns);
  told.last_ns = std::max(told.last_ns, alert->time_ns);
  const std::string& command = facts.cmdline;
  if (!command.empty() && std::find(told.commands.begin(), told.commands.end(), command) == told.commands.end()) {
    if (told.commands.size() < kCommandsMax)
      told.commands.push_back(command);
    else
      told.more_commands = true;
  }
  fold.rows.push_back(id);
  ++held_;
}

void Folds::note(const Fold& fold) {
  switch (fold.urgency) {
    case Urgency::kNewRule:
      new_rule_ns_ = std::min(new_rule_ns_, fold.since_ns);
      break;
    case Urgency::kNewPlace:
      new_place_ns_ = std::min(new_place_ns_, fold.since_ns);
      break;
    case Urgency::kRepeat:
      window_end_ns_ = std::min(window_end_ns_, fold.window_end_ns);
      break;
    case Urgency::kNone:
      break;
  }
}

uint64_t Folds::gather_ns(uint64_t now_ns) const {
  const uint64_t steps[kGatherSteps] = {0, options_.window_ns / 15, options_.window_ns / 4, options_.window_ns / 2};
  const bool over = now_ns >= gathered_ns_ + options_.window_ns;
  return std::max(options_.request_gap_ns, over ? 0 : steps[std::min(gathered_, kGatherSteps - 1)]);
}

uint64_t Folds::after_request(uint64_t since_ns, uint64_t gap_ns) const {
  return last_request_ns_ == 0 ? since_ns : std::max(since_ns, last_request_ns_ + gap_ns);
}

uint64_t Folds::due_ns() const {
  if (held_ == 0) return kNever;
  if (hurry_) return 0;
  const uint64_t gap = options_.request_gap_ns;
  if (held_ >= options_.flush_rows) return after_request(0, gap);
  uint64_t due = kNever;
  if (new_rule_ns_ != kNever) due = std::min(due, after_request(new_rule_ns_, gap));
  if (new_place_ns_ != kNever) due = std::min(due, after_request(new_place_ns_, gather_ns(new_place_ns_)));
  if (window_end_ns_ != kNever)
    due = std::min(due, after_request(window_end_ns_, std::max(gap, options_.window_ns / 2)));
  return due;
}

Folds::Batch Folds::due(uint64_t now_ns) const {
  const bool all = hurry_ || held_ >= options_.flush_rows;
  std::vector<std::pair<const std::string*, const Fold*>> in;
  for (const auto& [key, fold] : folds_)
    if (fold.now.count > 0 && (all || fold.urgency != Urgency::kRepeat || fold.window_end_ns <= now_ns))
      in.emplace_back(&key, &fold);
  std::sort(in.begin(), in.end(), [](const auto& a, const auto& b) { return a.second->order < b.second->order; });
  if (options_.window_ns == 0 && in.size() > kUnfoldedMax) in.resize(kUnfoldedMax);
  Batch batch;
  for (const auto& [key, fold] : in) {
    batch.told.push_back(fold->now);
    batch.keys.push_back(*key);
    batch.rows.insert(batch.rows.end(), fold->rows.begin(), fold->rows.end());
    batch.more_places = batch.more_places || fold->urgency == Urgency::kNewPlace;
  }
  return batch;
}

void Folds::settle(const Batch& batch, uint64_t now_ns, bool told) {
  for (const std::string& key : batch.keys) {
    const auto found = folds_.find(key);
    if (found == folds_.end()) continue;
    Fold& fold = found->second;
    held_ -= fold.rows.size();
    if (!told || options_.window_ns == 0) {
      folds_.erase(found);
      continue;
    }
    fold.window_end_ns = now_ns + options_.window_ns;
    told_until_[fold.rule] = fold.window_end_ns;
    fold.rows = {};
    const bool many_places = fold.now.many_places;
    fold.now = {};
    fold.now.many_places = many_places;
    fold.urgency = Urgency::kNone;
  }
  if (batch.more_places) {
    gathered_ = now_ns >= gathered_ns_ + options_.window_ns ? 1 : std::min(gathered_ + 1, kGatherSteps);
    gathered_ns_ = now_ns;
  }
  forget_ended(now_ns);
  look_again();
}

void Folds::forget_ended(uint64_t now_ns) {
  std::erase_if(folds_,
                [&](const auto& each) { return each.second.now.count == 0 && now_ns >= each.second.window_end_ns; });
  std::erase_if(told_until_, [&](const auto& each) { return now_ns >= each.second; });
}

void Folds::look_again() {
  new_rule_ns_ = new_place_ns_ = window_end_ns_ = kNever;
  for (const auto& [key, fold] : folds_)
    if (fold.now.count > 0) note(fold);
}

}  // namespace tiercel::slack
