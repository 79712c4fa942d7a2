#include "agent/response/responder.h"

#include <fmt/core.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <system_error>
#include <utility>

#include "agent/base/log.h"
#include "agent/base/thread.h"
#include "agent/response/executable.h"

namespace tiercel::response {
namespace {

constexpr uint64_t kNsPerS = 1'000'000'000;
constexpr uint32_t kAttemptsMax = 3;
constexpr off_t kLogBytesMax = 16 << 20;

// NAME and keys, with what no name holds in between.
std::string key_of(const std::string& program, const std::vector<std::string>& keys) {
  std::string key = program;
  for (const std::string& part : keys) key += '\n' + part;
  return key;
}

}  // namespace

struct Responder::Script {
  std::string command, program;
  uint32_t timeout_s = 0;
};

// What is told of one command.
struct Responder::Receipt {
  std::string command, script, result, reason;
  Cause cause;
  std::optional<int> exit_status;
  uint64_t begun_ns = 0;
  bool aborted = false;
};

Responder::Responder(ResponderOptions options, alert::Reports& reports, Metrics& metrics, const Clock& clock)
    : options_(std::move(options)),
      log_(options_.log.empty() ? options_.home + "/" + kScriptLog : options_.log),
      reports_(reports),
      clock_(clock),
      commands_(metrics.counter("tiercel_responses_total", "Active responses that a manager asked for")),
      refused_(metrics.counter("tiercel_responses_refused_total",
                               "Active responses that were refused: unknown, not safe or no room")),
      failed_(metrics.counter("tiercel_responses_failed_total", "Active responses that failed or ran out of time")),
      undone_(
          metrics.counter("tiercel_responses_undone_total", "Active responses that were undone after their timeout")),
      store_(options_.state_dir + "/responses"),
      stop_event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      offenders_(options_.repeated_offenders) {}

Responder::~Responder() {
  stop(0);
}

Result<> Responder::start() {
  if (auto opened = store_.open(); !opened) return opened;
  // Scripts write there by themselves; one that cannot would fail without a word.
  if (::mkdir(options_.home.c_str(), 0750) != 0 && errno != EEXIST) log::debug("cannot make {}", options_.home);
  const std::string logs =
      options_.home + "/" + std::string(kScriptLog).substr(0, std::string_view(kScriptLog).find('/'));
  if (::mkdir(logs.c_str(), 0750) != 0 && errno != EEXIST) log::debug("cannot make {}", logs);
  const std::string conf = options_.home + "/etc/shared/ar.conf";
  std::vector<ArEntry> local;
  if (check_owned(conf))
    if (auto text = read_file(conf, kArConfBytesMax)) local = parse_ar_conf(*text);
  const std::lock_guard lock(mutex_);
  if (ar_conf_.empty()) ar_conf_ = std::move(local);  // the manager's own may be known already
  for (Pending& entry : store_.load(clock_.realtime_ns(), clock_.boottime_ns())) {
    std::string key = entry.key;
    pending_.insert_or_assign(std::move(key), std::move(entry));
  }
  if (!pending_.empty()) log::info("{} active responses of an earlier run are to be undone", pending_.size());
  started_ = true;
  add_worker();
  return {};
}

// With the lock. There is always one that waits, up to the greatest number.
void Responder::add_worker() {
  if (workers_.size() >= options_.running_max) return;
  try {
    workers_.push_back(start_thread("response", [this] { worker(); }));
    ++idle_;
  } catch (const std::system_error& error) {
    log::error("no further thread for active responses: {}", error.what());
  }
}

bool Responder::offer(std::string json) {
  commands_.add();
  {
    const std::lock_guard lock(mutex_);
    if (started_ && !stopping_ && waiting_.size() < options_.waiting_max) {
      waiting_.push_back(std::move(json));
      changed_.notify_all();  // scripts that wait for an undo listen too
      return true;
    }
  }
  refuse(json, fmt::format("{} commands wait already, or the agent is stopping", options_.waiting_max));
  return false;
}

void Responder::refuse(const std::string& json, std::string reason) {
  Receipt receipt;
  receipt.begun_ns = clock_.monotonic_ns();
  receipt.cause = parse_cause(json);
  if (auto command = parse_command(json)) receipt.command = (command->direct ? "!" : "") + command->name;
  receipt.result = "refused";
  receipt.reason = std::move(reason);
  give(std::move(receipt));
}

void Responder::set_ar_conf(std::string_view text) {
  std::vector<ArEntry> entries = parse_ar_conf(text);
  const std::lock_guard lock(mutex_);
  ar_conf_ = std::move(entries);
}

size_t Responder::pending() const {
  const std::lock_guard lock(mutex_);
  return pending_.size();
}

// With the lock.
uint64_t Responder::next_due_ns() const {
  uint64_t next_ns = UINT64_MAX;
  for (const auto& [key, entry] : pending_)
    if (!entry.running) next_ns = std::min(next_ns, entry.due_ns);
  return next_ns;
}

// With the lock. While stopping, everything is due, once.
Pending* Responder::due_entry() {
  const uint64_t now_ns = clock_.boottime_ns();
  for (auto& [key, entry] : pending_)
    if (!entry.running && (stopping_ ? entry.attempts < kAttemptsMax : entry.due_ns <= now_ns)) return &entry;
  return nullptr;
}

void Responder::worker() {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (stop_deadline_ns_ != 0 && clock_.monotonic_ns() >= stop_deadline_ns_) return;
    if (Pending* entry = due_entry()) {
      entry->running = true;
      Pending copy = *entry;
      if (--idle_ == 0) add_worker();
      lock.unlock();
      undo(std::move(copy));
      lock.lock();
      ++idle_;
      continue;
    }
    if (stopping_) return;
    if (!waiting_.empty()) {
      const std::string json = std::move(waiting_.front());
      waiting_.pop_front();
      if (--idle_ == 0) add_worker();
      lock.unlock();
      respond(json);
      lock.lock();
      ++idle_;
      continue;
    }
    const uint64_t now_ns = clock_.boottime_ns(), due_ns = next_due_ns();
    constexpr uint64_t kLookNs = kNsPerS;  // a suspended host's clock goes on
    const uint64_t wait_ns = std::min(due_ns > now_ns ? due_ns - now_ns : 0, kLookNs);
    if (due_ns == UINT64_MAX)
      changed_.wait(lock);
    else
      changed_.wait_for(lock, std::chrono::nanoseconds(wait_ns + 1'000'000));
  }
}

Result<> Responder::check_script(const std::string& name) const {
  if (!options_.allow.empty() && std::find(options_.allow.begin(), options_.allow.end(), name) == options_.allow.end())
    return fail(name + " is not among active_response.allow of tiercel.yaml");
  return check_executable(fmt::format("{}/{}/{}", options_.home, kBinFolder, name));
}

Result<Responder::Script> Responder::find_script(const Command& command) const {
  const std::string bin = fmt::format("{}/{}/", options_.home, kBinFolder);
  Script script{command.name, {}, 0};
  if (command.direct) {
    script.program = command.name;
  } else {
    const std::lock_guard lock(mutex_);
    bool named = false;
    for (const ArEntry& entry : ar_conf_) {
      if (entry.name != command.name) continue;
      named = true;
      if (::access((bin + entry.executable).c_str(), F_OK) != 0) continue;
      script.program = entry.executable;
      script.timeout_s = entry.timeout_s;
      break;
    }
    if (!named)
      return fail("the manager's ar.conf has no command of that name; `!FILE` runs a file of " + bin + " without it");
  }
  if (script.program.empty() || ::access((bin + script.program).c_str(), F_OK) != 0)
    return fail(
        fmt::format("{} has no script for it: `tiercel response install` writes those that come with Tiercel", bin));
  if (auto safe = check_script(script.program); !safe) return tl::unexpected(safe.error());
  return script;
}

// To a script that asked. Before it may go on, what will undo it is on the disk.
std::string Responder::answer(const Script& script, const std::string& message, const std::vector<std::string>& keys,
                              Receipt& receipt) {
  if (script.timeout_s == 0) return with_verb(message, "continue");
  const std::string key = key_of(script.program, keys);
  Pending entry;
  bool again = false;
  {
    std::unique_lock lock(mutex_);
    // One that is being undone just now comes to its end first.
    auto running = [&] {
      const auto found = pending_.find(key);
      return found != pending_.end() && found->second.running;
    };
    changed_.wait_for(lock, std::chrono::seconds(options_.timeout_s), [&] { return stopping_ || !running(); });
    const auto found = pending_.find(key);
    again = found != pending_.end();
    if (again) {
      found->second.due_ns = clock_.boottime_ns() + found->second.timeout_s * kNsPerS;
      entry = found->second;
    } else {
      entry.id = fmt::format("{:x}-{}", clock_.realtime_ns(), ++next_id_);
      entry.command = script.command;
      entry.program = script.program;
      entry.key = key;
      entry.message = with_verb(message, "delete");
      entry.timeout_s = std::min(offenders_.timeout_s(key, script.timeout_s), kTimeoutSMax);
      entry.due_ns = clock_.boottime_ns() + entry.timeout_s * kNsPerS;
      entry.running = true;  // not to be undone before it is kept
      pending_.emplace(key, entry);
    }
  }
  auto saved = store_.save(entry, clock_.realtime_ns(), clock_.boottime_ns());
  if (!saved) {
    log::error("an active response would not be undone after a crash: {}", saved.error().message);
    receipt.reason = "not kept on the disk, so not undone after a crash: " + saved.error().message;
  }
  if (again) {
    {
      // Undone while it was written: then there is nothing to undo at the next start.
      const std::lock_guard lock(mutex_);
      if (!pending_.contains(key)) store_.remove(entry.id);
    }
    receipt.aborted = true;
    receipt.reason = "the same is in effect; its timeout begins anew";
    return with_verb(message, "abort");
  }
  const std::lock_guard lock(mutex_);
  if (const auto found = pending_.find(key); found != pending_.end()) found->second.running = false;
  changed_.notify_all();
  return with_verb(message, "continue");
}

// The log is the scripts' to fill.
void Responder::keep_log_small() const {
  struct stat st {};
  if (::stat(log_.c_str(), &st) == 0 && st.st_size > kLogBytesMax) std::rename(log_.c_str(), (log_ + ".1").c_str());
}

Result<Talked> Responder::run(const std::string& program, Talk talk) const {
  keep_log_small();
  Launch launch;
  launch.file = fmt::format("{}/{}", kBinFolder, program);
  launch.argv = {launch.file};
  launch.folder = options_.home;
  launch.error_file = log_;
  launch.environment = plain_environment();
  launch.environment.insert(launch.environment.end(), options_.environment.begin(), options_.environment.end());
  auto child = Child::start(launch);
  if (!child) return tl::unexpected(child.error());
  talk.time_limit_ms = static_cast<int>(options_.timeout_s) * 1000;
  talk.stop_fd = stop_event_.get();
  talk.stop_deadline_ns = &stop_deadline_ns_;
  return converse(*child, talk);
}

namespace {

struct Verdict {
  std::string result, reason;
};

Verdict verdict_of(const Talked& talked, uint32_t limit_s) {
  switch (talked.end) {
    case Talked::End::kTimeLimit:
      return {"timeout", fmt::format("it ran for {} s and was killed", limit_s)};
    case Talked::End::kLeft:
      return {"failed", "the agent stopped while it ran, and left it running"};
    case Talked::End::kExited:
      break;
  }
  if (!talked.result.empty()) return {talked.result, talked.reason};
  if (talked.exit_status != 0) return {"failed", fmt::format("exit status {}", talked.exit_status)};
  return {"done", ""};
}

}  // namespace

void Responder::respond(const std::string& json) {
  Receipt receipt;
  receipt.begun_ns = clock_.monotonic_ns();
  auto command = parse_command(json);
  if (!command) return refuse(json, command.error().message);
  auto script = find_script(*command);
  if (!script) return refuse(json, script.error().message);
  receipt.command = (command->direct ? "!" : "") + command->name;
  receipt.cause = command->cause;
  receipt.script = script->program;
  Talk talk;
  const std::string message = script_message(json, "add", fmt::format("{}/{}", kBinFolder, script->program));
  talk.message = message;
  if (script->timeout_s == 0) talk.quiet_ms_max = options_.quiet_ms_max;
  talk.on_keys = [&](const std::vector<std::string>& keys) { return answer(*script, message, keys, receipt); };
  auto talked = run(script->program, std::move(talk));
  if (!talked) {
    receipt.result = "failed";
    receipt.reason = talked.error().message;
    return give(std::move(receipt));
  }
  Verdict verdict = verdict_of(*talked, options_.timeout_s);
  if (receipt.aborted && verdict.result != "timeout") verdict.result = "aborted";
  receipt.result = verdict.result;
  if (receipt.reason.empty()) receipt.reason = verdict.reason;
  if (talked->end == Talked::End::kExited) receipt.exit_status = talked->exit_status;
  give(std::move(receipt));
}

void Responder::undo(Pending entry) {
  Receipt receipt;
  receipt.begun_ns = clock_.monotonic_ns();
  receipt.command = entry.command;
  receipt.script = entry.program;
  if (auto command = parse_command(entry.message)) receipt.cause = command->cause;
  Verdict verdict{"failed", ""};
  bool left = false;
  if (auto safe = is_plain_name(entry.program) ? check_script(entry.program) : fail("no such script"); !safe) {
    verdict.reason = safe.error().message;
  } else {
    Talk talk;
    talk.message = entry.message;
    talk.close_input = true;
    auto talked = run(entry.program, std::move(talk));
    if (talked) {
      verdict = verdict_of(*talked, options_.timeout_s);
      left = talked->end == Talked::End::kLeft;
      if (talked->end == Talked::End::kExited) receipt.exit_status = talked->exit_status;
    } else {
      verdict.reason = talked.error().message;
    }
  }
  const bool done = verdict.result == "done";
  ++entry.attempts;
  const bool over = done || (entry.attempts >= kAttemptsMax && stop_deadline_ns_ == 0);
  if (over) store_.remove(entry.id);
  {
    const std::lock_guard lock(mutex_);
    const auto found = pending_.find(entry.key);
    if (found != pending_.end()) {
      if (over) {
        pending_.erase(found);
      } else {
        found->second.attempts = stopping_ ? kAttemptsMax : entry.attempts;
        found->second.due_ns = clock_.boottime_ns() + options_.retry_s * kNsPerS;
        found->second.running = false;
      }
    }
    changed_.notify_all();
  }
  receipt.result = done ? "undone" : verdict.result;
  receipt.reason = verdict.reason;
  if (!done) receipt.reason += over ? "; it stays as it is: undo it by hand" : "; it is tried again";
  if (!left) give(std::move(receipt));
}

void Responder::give(Receipt receipt) {
  const bool good = receipt.result == "done" || receipt.result == "undone" || receipt.result == "aborted";
  if (receipt.result == "refused") refused_.add();
  if (receipt.result == "failed" || receipt.result == "timeout") failed_.add();
  if (receipt.result == "undone") undone_.add();
  alert::Report report;
  report.priority = good ? Priority::kNotice : Priority::kWarning;
  report.rule = kReceiptRule;
  const std::string& what = receipt.script.empty() ? receipt.command : receipt.script;
  report.message = fmt::format("{} {}{}{}", what.empty() ? "a command" : what, receipt.result,
                               receipt.reason.empty() ? "" : ": ", receipt.reason);
  auto field = [&report](const char* name, const std::string& value) {
    if (!value.empty()) report.fields.emplace_back(std::string("response.") + name, value);
  };
  field("origin", "manager");
  field("command", receipt.command);
  field("script", receipt.script);
  field("result", receipt.result);
  field("reason", receipt.reason);
  const Cause& cause = receipt.cause;
  if (cause.pid) report.fields.emplace_back("response.pid", static_cast<int64_t>(*cause.pid));
  if (cause.start_ns) report.fields.emplace_back("response.start_ns", *cause.start_ns);
  field("process", cause.process);
  field("srcip", cause.srcip);
  field("user", cause.dstuser.empty() ? cause.srcuser : cause.dstuser);
  field("container_id", cause.container_id);
  field("container_name", cause.container_name);
  field("alert_id", cause.alert_id);
  field("alert_rule", cause.rule);
  if (receipt.exit_status) report.fields.emplace_back("response.exit_status", *receipt.exit_status);
  report.fields.emplace_back("response.duration_ms", (clock_.monotonic_ns() - receipt.begun_ns) / 1'000'000);
  log::info("active response {}", report.message);
  reports_.put(std::move(report));
}

void Responder::stop(int timeout_ms) {
  std::vector<std::thread> workers;
  {
    const std::lock_guard lock(mutex_);
    if (!started_) return;
    started_ = false;
    stopping_ = true;
    stop_deadline_ns_ = clock_.monotonic_ns() + static_cast<uint64_t>(timeout_ms) * 1'000'000 + 1;
    for (auto& [key, entry] : pending_) entry.attempts = 0;
  }
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(stop_event_.get(), &one, sizeof one);
  changed_.notify_all();
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      workers = std::exchange(workers_, {});
    }
    if (workers.empty()) break;
    for (std::thread& thread : workers) thread.join();
  }
  for (const std::string& json : std::exchange(waiting_, {})) refuse(json, "the agent is stopping");
  if (!pending_.empty())
    log::warning("{} active responses are not undone yet: the next start does it", pending_.size());
}

}  // namespace tiercel::response
