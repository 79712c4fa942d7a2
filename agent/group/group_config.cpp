#include "agent/group/group_config.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "agent/base/log.h"
#include "agent/config/load.h"

namespace tiercel::group {
namespace {

constexpr const char* kRefusedRule = "Tiercel internal: group configuration refused";
constexpr const char* kAppliedRule = "Tiercel internal: group configuration applied";

std::string place_of(const Refusal& refusal) {
  if (refusal.line == 0) return refusal.file;
  return fmt::format("{}:{}:{}", refusal.file, refusal.line, refusal.column);
}

Refusal refusal_of(const std::string& md5, const Diagnostic& mistake) {
  std::string reason = (mistake.subject.empty() ? "" : mistake.subject + ": ") + mistake.message;
  if (!mistake.hint.empty()) reason += "; " + mistake.hint;
  return {md5, mistake.position.file, mistake.position.line, mistake.position.column, std::move(reason), {}};
}

const Diagnostic* first_error(const std::vector<Diagnostic>& all) {
  for (const Diagnostic& found : all)
    if (found.severity == Diagnostic::Severity::kError) return &found;
  return nullptr;
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

}  // namespace

GroupConfig::GroupConfig(Options options) : options_(std::move(options)), kept_(options_.folder) {
  current_ = kept_.load();
  remembered_ = kept_.refusal();
  if (!current_) return;
  state_.group = current_->group;
  state_.md5 = told_md5_ = current_->md5;
  state_.files = current_->names();
}

void GroupConfig::connect(Links links) {
  links_ = std::move(links);
  for (alert::Report& early : std::exchange(early_, {})) links_.report(std::move(early));
  if (links_.ar_conf && current_) links_.ar_conf(current_->ar_conf);
}

void GroupConfig::offer(std::string md5, std::string merged) {
  put({std::move(md5), std::move(merged), {}});
}

void GroupConfig::refuse_unseen(std::string md5, std::string reason) {
  put({std::move(md5), {}, std::move(reason)});
}

void GroupConfig::put(Received received) {
  {
    const std::lock_guard lock(mutex_);
    slot_ = std::move(received);
  }
  if (links_.poke) links_.poke();
}

std::string GroupConfig::told_md5() const {
  const std::lock_guard lock(mutex_);
  return told_md5_;
}

GroupState GroupConfig::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

std::string GroupConfig::conditions() const {
  return fmt::format("{} {} {}", options_.version, policy_.enabled ? "enabled" : "disabled", joined(policy_.allow));
}

bool GroupConfig::changes_nothing(const GroupSet& set) const {
  if (!policy_.enabled) return true;
  return current_ ? set_aside_.empty() && set.says_the_same_as(*current_) : set.names().empty();
}

// --- The reload thread ----------------------------------------------------------------------------------------------

void GroupConfig::errand() {
  std::optional<Received> received;
  {
    const std::lock_guard lock(mutex_);
    received = std::exchange(slot_, std::nullopt);
  }
  if (!received) return;
  candidate_.reset();
  waiting_.reset();
  if (!received->trouble.empty()) return refuse({received->md5, "merged.mg", 0, 0, received->trouble, {}});
  auto set = read_set(received->md5, received->merged);
  if (!set) return refuse({received->md5, "merged.mg", 0, 0, set.error().message, {}});
  Candidate candidate{std::move(*set), std::move(received->merged), false};
  if (changes_nothing(candidate.set)) return commit(std::move(candidate), nullptr);
  candidate_ = std::move(candidate);
  if (links_.ask) links_.ask();
}

void GroupConfig::take_policy(const config::GroupConfiguration& policy) {
  policy_ = policy;
  std::optional<Refusal> remembered = std::exchange(remembered_, std::nullopt);
  if (remembered && remembered->conditions != conditions()) {
    kept_.forget_refusal();
    remembered.reset();
  }
  const std::lock_guard lock(mutex_);
  state_.enabled = policy_.enabled;
  if (!remembered) return;
  told_md5_ = remembered->md5;
  state_.refusal = std::move(remembered);
}

std::optional<config::Config> GroupConfig::lay_over(config::Config host, Diagnostics& diagnostics) {
  take_policy(host.group_configuration);
  const GroupSet* set = candidate_ ? &candidate_->set : current_ ? &*current_ : nullptr;
  if (set == nullptr || !policy_.enabled) return host;
  std::optional<config::Config> laid = host;
  if (set->has_config) {
    Diagnostics mistakes;
    laid = config::lay_over(host, set->config, std::string(kConfigName), candidate_ ? diagnostics : mistakes);
    if (!laid && candidate_) return laid;
    if (!laid) {
      set_aside(mistakes);
      return host;
    }
  }
  if (!candidate_) take_back();
  laid->group_rules = set->rules;
  return laid;
}

void GroupConfig::concluded(const reload::Outcome& outcome) {
  if (!candidate_) {
    if (!outcome.accepted || !waiting_) return;
    candidate_ = std::exchange(waiting_, std::nullopt);
    candidate_->last_try = true;
    if (links_.ask) links_.ask();
    return;
  }
  Candidate candidate = std::move(*std::exchange(candidate_, std::nullopt));
  if (outcome.accepted) return commit(std::move(candidate), &outcome);
  const Diagnostic* mistake = nullptr;
  const Diagnostic* of_host = nullptr;
  for (const reload::Finding& found : outcome.findings) {
    if (found.diagnostic.severity != Diagnostic::Severity::kError) continue;
    const Diagnostic*& first = candidate.set.is_ours(found.diagnostic.position.file) ? mistake : of_host;
    if (first == nullptr) first = &found.diagnostic;
  }
  const std::string md5 = candidate.set.md5;
  if (mistake != nullptr) return refuse(refusal_of(md5, *mistake));
  if (of_host == nullptr) return refuse({md5, "merged.mg", 0, 0, outcome.reason, {}});
  if (candidate.last_try) return refuse(refusal_of(md5, *of_host));
  waiting_ = std::move(candidate);
  wait_for_host(refusal_of(md5, *of_host));
}

// The set runs, or changes nothing of what runs.
void GroupConfig::commit(Candidate candidate, const reload::Outcome* outcome) {
  std::string trouble;
  if (!current_ || current_->md5 != candidate.set.md5) {
    if (auto kept = kept_.keep(candidate.set, candidate.merged); !kept) {
      trouble = kept.error().message;
      log::error("the group configuration is not kept, and is lost at the next start: {}", trouble);
    }
  }
  kept_.forget_refusal();
  const bool had_ours = current_ && !current_->names().empty();
  const bool new_responses = !current_ || current_->ar_conf != candidate.set.ar_conf;
  current_ = std::move(candidate.set);
  set_aside_.clear();
  {
    const std::lock_guard lock(mutex_);
    state_.group = current_->group;
    state_.md5 = told_md5_ = current_->md5;
    state_.files = current_->names();
    state_.refusal.reset();
    state_.waits = false;
    state_.applied_ns = options_.now_ns();
  }
  if (new_responses && links_.ar_conf) links_.ar_conf(current_->ar_conf);
  if (outcome != nullptr) tell_applied(*current_, had_ours, trouble, *outcome);
}

void GroupConfig::tell_applied(const GroupSet& set, bool had_ours, const std::string& trouble,
                               const reload::Outcome& outcome) {
  alert::Report told;
  told.priority = trouble.empty() ? alert::Priority::kInformational : alert::Priority::kWarning;
  told.rule = kAppliedRule;
  const std::string files = joined(set.names());
  if (set.names().empty() && had_ours)
    told.message = "the group has no files for Tiercel any more: the host's own configuration applies";
  else
    told.message = fmt::format("the group's configuration applies: {}", files);
  told.message += "; " + outcome.summary();
  if (!outcome.needs_restart.empty()) told.message += "; a restart is needed for " + joined(outcome.needs_restart);
  if (!trouble.empty()) told.message += "; it is not kept for the next start: " + trouble;
  told.fields = {{"md5", set.md5},
                 {"group", set.group},
                 {"files", files},
                 {"rules_active", outcome.rules.active},
                 {"rules_digest", outcome.rules.digest}};
  log::info("{}", told.message);
  report(std::move(told));
}

// The set is the group's last good one, but the host allows less by now: its own configuration goes first.
void GroupConfig::set_aside(const Diagnostics& mistakes) {
  const Diagnostic* first = first_error(mistakes.all());
  Refusal refusal = first ? refusal_of(current_->md5, *first) : Refusal{current_->md5, "merged.mg", 0, 0, "?", {}};
  const std::string why = place_of(refusal) + ": " + refusal.reason;
  if (set_aside_ != why) tell_refused(refusal, "the host's own configuration applies");
  set_aside_ = why;
  const std::lock_guard lock(mutex_);
  state_.refusal = std::move(refusal);
}

void GroupConfig::take_back() {
  if (std::exchange(set_aside_, {}).empty()) return;
  log::info("the group's configuration applies again");
  const std::lock_guard lock(mutex_);
  if (state_.refusal && state_.refusal->md5 == state_.md5) state_.refusal.reset();
}

void GroupConfig::refuse(Refusal refusal) {
  refusal.conditions = conditions();
  if (auto written = kept_.remember(refusal); !written)
    log::error("a refused group configuration is not remembered: {}", written.error().message);
  tell_refused(refusal, "what applied before applies still");
  const std::lock_guard lock(mutex_);
  told_md5_ = refusal.md5;
  state_.refusal = std::move(refusal);
  state_.waits = false;
}

void GroupConfig::wait_for_host(Refusal refusal) {
  tell_refused(refusal, "the mistake is the host's: the set is tried again after the next good reload");
  const std::lock_guard lock(mutex_);
  state_.refusal = std::move(refusal);
  state_.waits = true;
}

void GroupConfig::tell_refused(const Refusal& refusal, const std::string& what_now) {
  alert::Report told;
  told.priority = alert::Priority::kWarning;
  told.rule = kRefusedRule;
  told.message =
      fmt::format("the group's configuration was refused: {}: {}; {}", place_of(refusal), refusal.reason, what_now);
  told.fields = {{"file", refusal.file},
                 {"line", refusal.line},
                 {"column", refusal.column},
                 {"reason", refusal.reason},
                 {"md5", refusal.md5}};
  log::error("{}", told.message);
  report(std::move(told));
}

void GroupConfig::report(alert::Report report) {
  if (links_.report)
    links_.report(std::move(report));
  else
    early_.push_back(std::move(report));
}

}  // namespace tiercel::group
