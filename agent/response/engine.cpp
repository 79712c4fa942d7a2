#include "agent/response/engine.h"

#include <fmt/core.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

#include "agent/base/log.h"
#include "agent/base/thread.h"
#include "agent/response/engine_job.h"

namespace tiercel::response {
namespace {

constexpr uint64_t kNsPerS = 1'000'000'000;
constexpr uint64_t kIdleNs = 3600 * kNsPerS;  // notified before, whenever there is something
constexpr uint64_t kMinuteNs = 60 * kNsPerS;
constexpr uint32_t kAttemptsMax = 3;
constexpr uint64_t kRetryS = 60;
constexpr size_t kLatelyMax = 10'000;

bool is_fast(const Order& order) {
  return order.reach == Reach::kProcess && (order.act == Act::kKill || order.act == Act::kSignal);
}

// What makes two orders the same: the action and the identity that it is about.
std::string key_of(const Order& order) {
  std::string what;
  if (order.act == Act::kBlock)
    what = order.address;
  else if (order.reach == Reach::kContainer)
    what = order.container_id;
  else
    what = fmt::format("{}@{}", order.pid, order.start_ns);
  if (order.act == Act::kQuarantine) what += "\n" + order.file.path;
  if (order.act == Act::kSignal) what += fmt::format("\n{}", order.signal);
  if (order.act == Act::kExec) what += "\n" + order.response + "\n" + order.alert->id;
  return fmt::format("{}\n{}\n{}", text_of(order.act), text_of(order.reach), what);
}

Deed do_it(const Order& order, const DeedContext& context) {
  switch (order.act) {
    case Act::kKill:
      if (order.reach == Reach::kContainer) return kill_a_container(order, context);
      [[fallthrough]];
    case Act::kSignal:
      return order.reach == Reach::kTree ? kill_or_signal_tree(order, context) : kill_or_signal(order, context);
    case Act::kSuspend:
      return suspend(order, context);
    case Act::kIsolate:
      return isolate(order, context);
    case Act::kBlock:
      return block(order, context);
    case Act::kQuarantine:
      return quarantine(order, context);
    case Act::kExec:
      return run_program(order, context);
  }
  return refused("no such action");
}

void go_first() {
  constexpr int kNice = -10;
  if (::setpriority(PRIO_PROCESS, 0, kNice) != 0) log::debug("cannot raise the priority of responses: errno {}", errno);
}

}  // namespace

Engine::Engine(EngineOptions options, alert::Reports& reports, Metrics& metrics, const Clock& clock)
    : options_(std::move(options)),
      reports_(reports),
      clock_(clock),
      asked_(metrics.counter("tiercel_local_responses_total", "Responses that alerts asked for")),
      done_(metrics.counter("tiercel_local_responses_done_total", "Responses that alerts asked for: done")),
      would_(metrics.counter("tiercel_local_responses_dry_total",
                             "Responses that alerts asked for: only told, as they are in a dry run")),
      refused_(metrics.counter("tiercel_local_responses_refused_total",
                               "Responses that alerts asked for: refused, protected or not safe")),
      failed_(metrics.counter("tiercel_local_responses_failed_total",
                              "Responses that alerts asked for: failed or out of time")),
      repeated_(
          metrics.counter("tiercel_local_responses_repeated_total", "Responses that alerts asked for: done already")),
      over_budget_(
          metrics.counter("tiercel_local_responses_budget_total", "Responses that alerts asked for: beyond a budget")),
      no_room_(metrics.counter("tiercel_local_responses_lost_total",
                               "Responses that alerts asked for, and that found the queue full")),
      undone_(metrics.counter("tiercel_local_responses_undone_total", "Responses that were undone")),
      store_(options_.state_dir + "/deeds"),
      stop_event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      policy_(options_.policy),
      protection_(std::make_shared<const Protection>(policy_.protect)) {}

Engine::~Engine() {
  stop(0);
}

Result<> Engine::start() {
  if (auto opened = store_.open(); !opened) return opened;
  const std::string quarantine = options_.state_dir + "/quarantine";
  if (::mkdir(quarantine.c_str(), 0700) != 0 && errno != EEXIST)
    return fail_errno("cannot make " + quarantine + ", where files are moved to", errno);
  const std::lock_guard lock(mutex_);
  for (Pending& entry : store_.load(clock_.realtime_ns(), clock_.boottime_ns())) {
    auto undo = parse_undo(entry.message);
    if (!undo) {
      log::error("{}: {}", entry.id, undo.error().message);
      continue;
    }
    Effect effect;
    effect.response = entry.command;
    effect.act = text_of(undo->act);
    effect.target = entry.program;
    effect.ready = true;
    effect.kept = std::move(entry);
    effects_.emplace(effect.kept.id, std::move(effect));
  }
  if (!effects_.empty()) log::info("{} responses of an earlier run are in effect", effects_.size());
  started_ = true;
  threads_.push_back(start_thread("respond", [this] { worker(true); }));
  for (unsigned i = 0; i < options_.slow_threads; ++i)
    threads_.push_back(start_thread("respond-slow", [this] { worker(false); }));
  return {};
}

void Engine::set_policy(EnginePolicy policy) {
  auto protection = std::make_shared<const Protection>(policy.protect);
  const std::lock_guard lock(mutex_);
  policy_ = std::move(policy);
  protection_ = std::move(protection);
}

bool Engine::offer(Order order) {
  asked_.add();
  const bool fast = is_fast(order);
  bool tell = false;
  {
    const std::lock_guard lock(mutex_);
    std::deque<Order>& queue = fast ? fast_ : slow_;
    if (started_ && !stopping_ && queue.size() < options_.waiting_max) {
      queue.push_back(std::move(order));
      (fast ? fast_changed_ : slow_changed_).notify_one();
      return true;
    }
    tell = may_tell("no room");
  }
  no_room_.add();
  if (!tell) return false;
  Job job{order, clock_.monotonic_ns()};
  job.deed = refused(fmt::format("{} responses wait already, or the agent is stopping", options_.waiting_max));
  give(job);
  return false;
}

// With the lock.
Engine::Effect* Engine::due_effect() {
  const uint64_t now_ns = clock_.boottime_ns();
  for (auto& [id, effect] : effects_) {
    if (effect.kept.running || !effect.ready) continue;
    const bool due = effect.kept.timeout_s > 0 && effect.kept.attempts < kAttemptsMax && effect.kept.due_ns <= now_ns;
    if (effect.asked || due) return &effect;
  }
  return nullptr;
}

// With the lock.
uint64_t Engine::next_due_ns() const {
  uint64_t next_ns = UINT64_MAX;
  for (const auto& [id, effect] : effects_)
    if (!effect.kept.running && effect.kept.timeout_s > 0 && effect.kept.attempts < kAttemptsMax)
      next_ns = std::min(next_ns, effect.kept.due_ns);
  return next_ns;
}

void Engine::worker(bool fast) {
  if (fast) go_first();
  const StartTimeOf start_time_of = options_.start_times();
  std::condition_variable& changed = fast ? fast_changed_ : slow_changed_;
  std::deque<Order>& queue = fast ? fast_ : slow_;
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (!queue.empty()) {
      const Order order = std::move(queue.front());
      queue.pop_front();
      lock.unlock();
      carry_out(order, start_time_of);
      lock.lock();
      continue;
    }
    if (Effect* effect = fast ? nullptr : due_effect()) {
      effect->kept.running = true;
      const std::string id = effect->kept.id;
      lock.unlock();
      undo_effect(id, start_time_of);
      lock.lock();
      continue;
    }
    const uint64_t now_ns = clock_.boottime_ns(), due_ns = fast ? UINT64_MAX : next_due_ns();
    // Not longer than a second where something is due: a suspended host's clock goes on.
    const uint64_t longest_ns = due_ns == UINT64_MAX ? kIdleNs : kNsPerS;
    const uint64_t wait_ns = std::min(due_ns > now_ns ? due_ns - now_ns : 0, longest_ns);
    changed.wait_for(lock, std::chrono::nanoseconds(wait_ns + 1'000'000));
  }
}

// Takes the key, for 10 s. An effect that stands has its timeout begin anew.
bool Engine::is_repeat(const std::string& key, std::string& why) {
  const uint64_t now_ns = clock_.boottime_ns();
  const std::lock_guard lock(mutex_);
  for (auto& [id, effect] : effects_) {
    if (effect.kept.key != key || effect.kept.running) continue;
    if (effect.kept.timeout_s > 0) effect.kept.due_ns = now_ns + effect.kept.timeout_s * kNsPerS;
    why = fmt::format("the same is in effect ({}){}", id, effect.kept.timeout_s > 0 ? "; its timeout begins anew" : "");
    return true;
  }
  if (lately_.size() >= kLatelyMax)
    std::erase_if(lately_, [&](const auto& one) { return now_ns > one.second + kRepeatNs; });
  if (lately_.size() >= kLatelyMax) lately_.clear();
  uint64_t& when_ns = lately_[key];
  const bool repeat = when_ns != 0 && now_ns < when_ns + kRepeatNs;
  if (!repeat) when_ns = now_ns;
  if (repeat) why = fmt::format("the same was asked for {} ms before", (now_ns - when_ns) / 1'000'000);
  return repeat;
}

bool Engine::take_budget(const Order& order, bool& tell) {
  const uint64_t now_ns = clock_.boottime_ns();
  const std::lock_guard lock(mutex_);
  std::deque<uint64_t>&own = spent_[order.response], &all = spent_[""];
  for (std::deque<uint64_t>* spent : {&own, &all})
    while (!spent->empty() && now_ns >= spent->front() + kMinuteNs) spent->pop_front();
  if (own.size() < order.budget_per_min && all.size() < policy_.budget_per_min) {
    own.push_back(now_ns);
    all.push_back(now_ns);
    return true;
  }
  tell = may_tell("budget " + order.response);
  return false;
}

Result<> Engine::keep(Job& job, const Undo& undo) {
  const Order& order = job.order;
  Effect effect;
  {
    const std::lock_guard lock(mutex_);
    if (job.id.empty()) job.id = fmt::format("{:x}-{}", clock_.realtime_ns() / kNsPerS, ++next_id_);
    Pending& kept = effect.kept;
    kept.id = job.id;
    kept.command = order.response;
    kept.program = job.target;
    kept.key = job.key;
    kept.message = undo_text(undo);
    kept.timeout_s = static_cast<uint32_t>((order.timeout_ms + 999) / 1'000);
    kept.due_ns = clock_.boottime_ns() + kept.timeout_s * kNsPerS;
    effect.response = order.response;
    effect.act = text_of(order.act);
    effect.target = job.target;
    effect.since_ns = clock_.realtime_ns();
    effects_.insert_or_assign(job.id, effect);
  }
  return store_.save(effect.kept, clock_.realtime_ns(), clock_.boottime_ns());
}

// What was kept for a deed that came to nothing is no longer to be undone; what is done may be, from now on.
void Engine::settle(Job& job) {
  if (job.id.empty()) return;
  const bool stands = job.deed.result == "done";
  if (!stands) store_.remove(job.id);
  const std::lock_guard lock(mutex_);
  if (stands)
    effects_[job.id].ready = true;
  else
    effects_.erase(job.id);
  slow_changed_.notify_all();
}

DeedContext Engine::context_of(const StartTimeOf& start_time_of, const Protection& protection) const {
  DeedContext context{.protection = protection, .start_time_of = start_time_of};
  context.containers.docker_root = options_.docker_root;
  context.containers.storage_root = options_.storage_root;
  context.managers = options_.managers;
  context.quarantine_folder = options_.state_dir + "/quarantine";
  context.log = options_.log;
  context.stop_fd = stop_event_.get();
  context.stop_deadline_ns = &stop_deadline_ns_;
  return context;
}

void Engine::carry_out(const Order& order, const StartTimeOf& start_time_of) {
  Job job{order, clock_.monotonic_ns()};
  job.key = key_of(order);
  job.target = target_text(order);
  if (asked_of_kernel(job)) return tell_of_kernel(job);
  if (std::string why; is_repeat(job.key, why)) {
    repeated_.add();
    log::debug("{}: already: {}", order.response, why);
    job.deed = {"already", why};
    const std::lock_guard lock(mutex_);
    return remember(told_of(job));
  }
  std::shared_ptr<const Protection> protection;
  bool dry = order.dry_run;
  uint32_t total_budget = 0;
  {
    const std::lock_guard lock(mutex_);
    protection = protection_;
    dry = dry || policy_.dry_run;
    total_budget = policy_.budget_per_min;
  }
  DeedContext context = context_of(start_time_of, *protection);
  context.keep = [&](const Undo& undo) { return keep(job, undo); };
  context.acted = [&] {
    if (job.acted_ns == 0) job.acted_ns = clock_.boottime_ns();
  };
  bool spent = true, tell = true;
  // Asked when the target was found and may be touched: what is protected or gone costs no budget.
  context.go = [&] {
    spent = take_budget(order, tell);
    return spent && !dry;
  };
  job.deed = do_it(order, context);
  if (job.deed.result == "refused" && asked_of_kernel(job)) return tell_of_kernel(job);  // it is gone: by whom?
  if (!spent) {
    over_budget_.add();
    job.deed = {"budget", fmt::format("the budget of this minute is spent ({} of this response, {} of all)",
                                      order.budget_per_min, total_budget)};
    if (!tell) return;
  } else if (dry && job.deed.result == "done") {
    job.deed.result = "would";
  } else {
    settle(job);
  }
  give(job);
}

bool Engine::asked_of_kernel(Job& job) {
  job.kernel = !job.order.kernel && job.order.ask_kernel ? job.order.ask_kernel() : job.order.kernel;
  return job.kernel.has_value();
}

// It has been done, or not, before this came here; budgets are counted there.
void Engine::tell_of_kernel(Job& job) {
  const KernelDeed& deed = *job.kernel;
  switch (deed.what) {
    case KernelDeed::What::kSent: {
      bool tell = true;
      (void)take_budget(job.order, tell);  // what the kernel did and what is done here are of one budget
      job.deed = done("sent the signal to " + job.target + " before its first instruction");
      job.acted_ns = deed.time_ns;
      break;
    }
    case KernelDeed::What::kWould:
      job.deed = {"would", "would send the signal to " + job.target + " before its first instruction"};
      break;
    case KernelDeed::What::kBudget: {
      over_budget_.add();
      job.deed = {"budget", "the budget of this minute is spent"};
      const std::lock_guard lock(mutex_);
      if (!may_tell("budget " + job.order.response)) return;
      break;
    }
  }
  give(job);
}

// With the lock. Once a minute for each.
bool Engine::may_tell(const std::string& what) {
  uint64_t& told_ns = told_[what];
  const uint64_t now_ns = clock_.boottime_ns();
  const bool may = told_ns == 0 || now_ns >= told_ns + kMinuteNs;
  if (may) told_ns = now_ns;
  return may;
}

void Engine::undo_effect(const std::string& id, const StartTimeOf& start_time_of) {
  Effect effect;
  std::shared_ptr<const Protection> protection;
  {
    const std::lock_guard lock(mutex_);
    const auto found = effects_.find(id);
    if (found == effects_.end()) return;
    effect = found->second;
    protection = protection_;
  }
  const uint64_t begun_ns = clock_.monotonic_ns();
  const auto undo = parse_undo(effect.kept.message);
  Deed deed = undo ? response::undo(*undo, context_of(start_time_of, *protection)) : failed(undo.error().message);
  const bool good = deed.result == "done";
  const bool over = good || effect.kept.attempts + 1 >= kAttemptsMax;
  if (good) store_.remove(id);
  if (good) deed.result = "undone";
  if (!good) deed.reason += over ? "; it stays in effect until `tiercel respond undo` succeeds" : "; it is tried again";
  give_undone(reports_, {id, effect.response, effect.act, effect.target, deed.result, deed.reason, begun_ns},
              clock_.monotonic_ns());
  if (good) undone_.add();
  if (!good) failed_.add();
  const std::lock_guard lock(mutex_);
  const auto found = effects_.find(id);
  if (found != effects_.end()) {
    if (effect.asked || found->second.asked) outcomes_[id] = outcome_text(deed);
    if (good) {
      effects_.erase(found);
    } else {
      found->second.kept.running = found->second.asked = false;
      ++found->second.kept.attempts;
      found->second.kept.due_ns = clock_.boottime_ns() + kRetryS * kNsPerS;
    }
  }
  remember({id, effect.response, effect.act, effect.target, deed.result, deed.reason, clock_.realtime_ns()});
}

Result<> Engine::undo(const std::string& id) {
  const std::lock_guard lock(mutex_);
  bool found = false;
  for (auto& [own, effect] : effects_) {
    if (id != "all" && id != own) continue;
    effect.asked = found = true;
    outcomes_.erase(own);
  }
  if (!found)
    return fail(
        id == "all" ? "nothing is in effect" : "nothing is in effect by the id " + id + ": see `tiercel respond list`",
        Fault::kUser);
  slow_changed_.notify_all();
  return {};
}

void Engine::stop(int timeout_ms) {
  std::vector<std::thread> threads;
  {
    const std::lock_guard lock(mutex_);
    if (!started_) return;
    started_ = false;
    stopping_ = true;
    stop_deadline_ns_ = clock_.monotonic_ns() + static_cast<uint64_t>(timeout_ms) * 1'000'000 + 1;
    threads = std::exchange(threads_, {});
  }
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(stop_event_.get(), &one, sizeof one);
  fast_changed_.notify_all();
  slow_changed_.notify_all();
  for (std::thread& thread : threads) thread.join();
  const size_t left = fast_.size() + slow_.size();
  if (left > 0) log::warning("{} responses were not carried out: the agent stopped", left);
  if (!effects_.empty())
    log::info("{} responses stay in effect; the next agent undoes them in their time", effects_.size());
}

}  // namespace tiercel::response
