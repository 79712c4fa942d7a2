#include "agent/reload/reloader.h"

#include <fmt/core.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "agent/base/log.h"
#include "agent/base/thread.h"
#include "agent/reload/changes.h"
#include "agent/reload/fingerprint.h"
#include "agent/reload/rules.h"

namespace tiercel::reload {
namespace {

constexpr size_t kOutcomesKept = 16;
constexpr uint64_t kMs = 1'000'000;

void signal_eventfd(const Fd& fd) {
  const uint64_t one = 1;
  while (::write(fd.get(), &one, sizeof one) < 0 && errno == EINTR) {
  }
}

void clear_eventfd(const Fd& fd) {
  uint64_t count = 0;
  while (::read(fd.get(), &count, sizeof count) < 0 && errno == EINTR) {
  }
}

RulesInfo info_of(const rule::RuleSet& rules) {
  return {rules.active_count(), rules.size(), rules.digest()};
}

// "rules.yaml:3:7: error: ..." without its source line: fits into a log line and an alert.
std::string first_error(const Outcome& outcome) {
  for (const Finding& found : outcome.findings)
    if (found.diagnostic.severity == Diagnostic::Severity::kError)
      return found.rendered.substr(0, found.rendered.find('\n'));
  return "no reason is known";
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

void say(const Outcome& outcome) {
  if (outcome.accepted)
    log::info("rules reloaded ({}): {}, {} warnings, read in {} ms, swapped in {} us", outcome.causes,
              outcome.summary(), outcome.warnings, outcome.load_us / 1'000, outcome.swap_us);
  else
    log::error("rules refused ({}): {}. The rules that run stay: {}", outcome.causes, outcome.reason,
               outcome.summary());
  for (const Finding& found : outcome.findings) std::fputs(found.rendered.c_str(), stderr);
  if (const size_t all = outcome.errors + outcome.warnings; all > outcome.findings.size())
    log::warning("{} more mistakes and warnings: `tiercel rules check` shows all", all - outcome.findings.size());
  if (!outcome.needs_restart.empty())
    log::warning("these keys of the configuration changed and need a restart: {}", joined(outcome.needs_restart));
}

}  // namespace

Reloader::Reloader(Options options, Metrics& metrics, const Clock& clock)
    : options_(std::move(options)),
      clock_(clock),
      accepted_(metrics.counter("tiercel_rule_reloads_total", "Reloads of the rules, by what became of them",
                                {{"result", "accepted"}})),
      refused_(metrics.counter("tiercel_rule_reloads_total", "Reloads of the rules, by what became of them",
                               {{"result", "refused"}})),
      wake_fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      offer_fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      rules_files_(options_.running.rules_files) {}

Reloader::~Reloader() {
  stop();
}

Result<std::shared_ptr<const rule::RuleSet>> Reloader::load_first(Diagnostics& diagnostics) {
  read_content_ = content();
  rule::Loaded loaded = load(options_.running);
  diagnostics = std::move(loaded.diagnostics);
  if (std::string why = why_useless(loaded, options_.running); !why.empty()) return fail(std::move(why), Fault::kUser);
  wanted_ = wanted_by(loaded.rules, options_.running);
  const std::lock_guard lock(mutex_);
  state_.rules = info_of(*loaded.rules);
  state_.loaded_ns = clock_.realtime_ns();
  return loaded.rules;
}

rule::Loaded Reloader::load(const config::Config& config) const {
  return load_rules(config, options_.rule_options ? options_.rule_options(config) : rule::LoadOptions{});
}

Result<> Reloader::start(sensor::Source& source) {
  if (!wake_fd_.valid() || !offer_fd_.valid())
    return fail("cannot make an eventfd for reloads: raise the limit of open files");
  source_ = &source;
  thread_ = start_thread("reload", [this] { run(); });
  return {};
}

void Reloader::stop() {
  stopping_ = true;
  offered_ = nullptr;
  offered_.notify_all();
  signal_eventfd(wake_fd_);
  if (thread_.joinable()) thread_.join();
}

uint64_t Reloader::request(const std::string& cause) {
  uint64_t ticket = 0;
  {
    const std::lock_guard lock(mutex_);
    ticket = ++requested_;
    if (std::find(causes_.begin(), causes_.end(), cause) == causes_.end()) causes_.push_back(cause);
  }
  signal_eventfd(wake_fd_);
  return ticket;
}

void Reloader::poke() {
  poked_ = true;
  signal_eventfd(wake_fd_);
}

std::optional<Outcome> Reloader::outcome(uint64_t ticket) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [newest, outcome] : outcomes_)
    if (newest >= ticket) return outcome;
  return std::nullopt;
}

RulesState Reloader::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

void Reloader::take(const std::function<void(Offer&)>& accept) {
  const uint64_t begun_ns = clock_.monotonic_ns();
  clear_eventfd(offer_fd_);
  Offer* offer = offered_;
  if (!offer) return;
  accept(*offer);  // its owner waits until it is taken, or until stop(), which this thread calls
  offer->taken = true;
  offer->outcome.swap_us = (clock_.monotonic_ns() - begun_ns) / 1'000;
  offered_ = nullptr;  // not ours from here on
  offered_.notify_all();
}

bool Reloader::hand_over(Offer& offer) {
  offered_ = &offer;
  if (stopping_) offered_ = nullptr;  // stop() has looked before
  signal_eventfd(offer_fd_);
  offered_.wait(&offer);
  return offer.taken;
}

// --- One reload -----------------------------------------------------------------------------------------------------

Outcome Reloader::refused(Outcome outcome, std::string reason) const {
  outcome.accepted = false;
  outcome.reason = std::move(reason);
  outcome.rules = state().rules;
  return outcome;
}

void Reloader::reload() {
  if (options_.begins) options_.begins();
  uint64_t ticket = 0;
  Offer offer;
  offer.config = options_.running;
  {
    const std::lock_guard lock(mutex_);
    ticket = begun_ = requested_;
    offer.outcome.causes = joined(std::exchange(causes_, {}));
  }
  const uint64_t begun_ns = clock_.monotonic_ns();
  rule::Loaded loaded;
  auto decide = [&]() -> std::string {  // why not; empty: the set in `loaded` shall run, and its hooks are attached
    Diagnostics diagnostics;
    // Fingerprints come before what they are of is read: what changes meanwhile is then seen as changed.
    const uint64_t config_content = content_of({options_.config_file});
    std::optional<config::Config> read = options_.running;
    if (options_.read_config) read = options_.read_config(diagnostics);
    if (read) rules_files_ = read->rules_files;
    watch_anew();
    read_content_ = config_content ^ content_of(rules_files_);
    add_findings(offer.outcome, diagnostics);
    if (!read) return first_error(offer.outcome);
    offer.outcome.needs_restart = keys_that_need_a_restart(options_.running, *read);
    offer.config = applied(options_.running, *read);
    loaded = load(offer.config);
    add_findings(offer.outcome, loaded.diagnostics);
    if (offer.outcome.errors > 0) return first_error(offer.outcome);
    if (std::string why = why_useless(loaded, offer.config); !why.empty()) return why;
    offer.matcher = std::make_unique<rule::Matcher>(loaded.rules);
    offer.outcome.load_us = (clock_.monotonic_ns() - begun_ns) / 1'000;
    auto widened = source_->widen(wanted_by(loaded.rules, offer.config));
    offer.outcome.attach_us = (clock_.monotonic_ns() - begun_ns) / 1'000 - offer.outcome.load_us;
    if (!widened) return widened.error().message;
    offer.look_again = *widened;
    return {};
  };
  const std::string why_not = decide();
  offer.outcome.at_ns = clock_.realtime_ns();
  offer.outcome.accepted = why_not.empty();
  if (why_not.empty()) {
    offer.outcome.rules = info_of(*loaded.rules);
  } else {
    offer.outcome = refused(std::move(offer.outcome), why_not);
    offer.matcher.reset();
    offer.config = options_.running;
    source_->narrow(wanted_);
  }
  const bool taken = hand_over(offer);
  if (taken && offer.outcome.accepted) {
    wanted_ = wanted_by(loaded.rules, offer.config);
    options_.running = offer.config;
    source_->narrow(wanted_);
    watch_anew();
  }
  if (!taken) return;
  log::set_level(options_.running.log_level);
  say(offer.outcome);
  conclude(offer, ticket);
  if (options_.concluded) options_.concluded(offer.outcome);
  // The old set ends here, with the offer that it came back in.
}

void Reloader::conclude(const Offer& offer, uint64_t ticket) {
  const Outcome& outcome = offer.outcome;
  (outcome.accepted ? accepted_ : refused_).add();
  const std::lock_guard lock(mutex_);
  state_.needs_restart = outcome.needs_restart;
  state_.refusal_stands = !outcome.accepted;
  if (outcome.accepted) {
    ++state_.accepted;
    state_.rules = outcome.rules;
    state_.loaded_ns = outcome.at_ns;
  } else {
    ++state_.refused;
    state_.refused_ns = outcome.at_ns;
    state_.refusal = outcome.reason;
  }
  outcomes_.emplace_back(ticket, outcome);
  if (outcomes_.size() > kOutcomesKept) outcomes_.pop_front();
}

bool Reloader::is_asked() const {
  const std::lock_guard lock(mutex_);
  return requested_ != begun_;
}

// --- Changed files --------------------------------------------------------------------------------------------------

std::vector<std::string> Reloader::watched_paths() const {
  std::vector<std::string> paths = rules_files_;
  if (!options_.config_file.empty()) paths.push_back(options_.config_file);
  return paths;
}

uint64_t Reloader::content() const {
  return content_of({options_.config_file}) ^ content_of(rules_files_);
}

// After each reload and each change: what is watched may be elsewhere now.
void Reloader::watch_anew() {
  if (!options_.running.watch_config_files) {
    watch_.reset();
  } else {
    if (!watch_) watch_.emplace();
    watch_->watch(watched_paths());
  }
  seen_stamp_ = stamp_of(watched_paths());
  const std::lock_guard lock(mutex_);
  state_.watching = watch_.has_value();
}

int Reloader::wait_ms() const {
  if (!watch_) return -1;
  const uint64_t now_ns = clock_.monotonic_ns();
  const bool blind = watch_->fd() < 0 || watch_->is_blind();
  uint64_t at_ns = looked_at_ns_ + kMs * static_cast<uint64_t>(blind ? options_.look_ms_blind : options_.look_ms);
  if (changed_at_ns_ != 0) {
    const uint64_t latest_ns = changed_since_ns_ + kMs * static_cast<uint64_t>(options_.settle_ms_max);
    const uint64_t quiet_ns = changed_at_ns_ + kMs * static_cast<uint64_t>(options_.settle_ms);
    at_ns = std::min({at_ns, latest_ns, watch_->being_written() ? latest_ns : quiet_ns});
  }
  return at_ns <= now_ns ? 0 : static_cast<int>((at_ns - now_ns) / kMs + 1);
}

void Reloader::look_at_files() {
  const uint64_t now_ns = clock_.monotonic_ns();
  if (watch_->fd() >= 0 && watch_->take_events()) {
    if (changed_at_ns_ == 0) changed_since_ns_ = now_ns;
    changed_at_ns_ = now_ns;
  }
  if (wait_ms() > 0) return;
  const bool signs = std::exchange(changed_at_ns_, 0) != 0;
  looked_at_ns_ = now_ns;
  if (!signs && stamp_of(watched_paths()) == seen_stamp_) return;
  watch_anew();
  if (content() != read_content_) request("changed file");
}

void Reloader::run() {
  // The deciding thread goes before ordinary work, and a thread inherits that. This one does ordinary work.
  ::setpriority(PRIO_PROCESS, 0, 0);
  watch_anew();
  looked_at_ns_ = clock_.monotonic_ns();
  if (watch_ && content() != read_content_) request("changed file");  // while the agent started
  for (;;) {
    if (stopping_) return;
    if (poked_.exchange(false) && options_.errand) options_.errand();
    if (is_asked()) {
      reload();
      continue;
    }
    pollfd fds[2] = {{wake_fd_.get(), POLLIN, 0}, {watch_ ? watch_->fd() : -1, POLLIN, 0}};
    ::poll(fds, 2, wait_ms());
    if (fds[0].revents != 0) clear_eventfd(wake_fd_);
    if (watch_) look_at_files();
  }
}

}  // namespace tiercel::reload
