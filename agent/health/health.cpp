#include "agent/health/health.h"

#include <fmt/core.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>

namespace tiercel::health {
namespace {

const char* word(State state) {
  switch (state) {
    case State::kOk:
      return "ok";
    case State::kDegraded:
      return "degraded";
    case State::kNotReady:
      return "not ready";
    case State::kDead:
      break;
  }
  return "dead";
}

Check watching(const Signs& s) {
  if (!s.watching && s.uptime_s > kStartPatienceS)
    return {"watching", State::kDead, fmt::format("the start is not over after {} s", s.uptime_s)};
  if (!s.watching) return {"watching", State::kNotReady, "starting"};
  if (s.since_tick_s > kTickPatienceS)
    return {"watching", State::kDead, fmt::format("the deciding thread stands still, for {} s now", s.since_tick_s)};
  return {"watching", State::kOk, ""};
}

Check self_test(const Signs& s) {
  if (s.self_test == "failed")
    return {"self_test", State::kDead,
            "the kernel does not tell of processes: this host is not watched; restart the agent"};
  return {"self_test", State::kOk, s.self_test};
}

Check losses(const Signs& s) {
  if (s.lost_in_kernel == 0 && s.lost_behind == 0) return {"losses", State::kOk, "none within the last minute"};
  return {
      "losses", State::kNotReady,
      fmt::format("within the last minute: {} records in the kernel, {} records and alerts behind it; `tiercel status`",
                  s.lost_in_kernel, s.lost_behind)};
}

Check spool(const Signs& s) {
  if (s.spool_on_disk) return {"spool", State::kOk, fmt::format("{} alerts wait", s.spool_waiting)};
  return {"spool", State::kNotReady,
          fmt::format("in memory only: the disk takes nothing, and a crash would cost what waits ({} alerts)",
                      s.spool_waiting)};
}

Check manager(const Signs& s) {
  if (!s.manager_configured) return {"manager", State::kOk, "none"};
  if (!s.manager_answered)
    return {"manager", State::kNotReady, "has not answered since the start; `tiercel doctor` says what it meets"};
  if (s.manager_silent_s > kManagerPatienceS)
    return {"manager", State::kDegraded,
            fmt::format("silent for {} s; {} alerts wait for it", s.manager_silent_s, s.spool_waiting)};
  return {"manager", State::kOk, s.manager_connected ? "connected" : "connecting anew"};
}

Check rules(const Signs& s) {
  if (!s.rules_refused.empty()) return {"rules", State::kDegraded, "refused: " + s.rules_refused};
  if (s.watching && s.rules_active == 0) return {"rules", State::kNotReady, "no rule is active"};
  return {"rules", State::kOk, fmt::format("{} active", s.rules_active)};
}

}  // namespace

void RecentLosses::note(uint64_t now_ns, uint64_t total) {
  const std::lock_guard lock(mutex_);
  if (total > total_) grown_.emplace_back(now_ns, total - total_);
  total_ = total;
  while (!grown_.empty() && grown_.front().first + kWindowNs <= now_ns) grown_.pop_front();
}

uint64_t RecentLosses::within(uint64_t now_ns) const {
  const std::lock_guard lock(mutex_);
  uint64_t sum = 0;
  for (const auto& [when_ns, lost] : grown_)
    if (when_ns + kWindowNs > now_ns) sum += lost;
  return sum;
}

State Verdict::worst() const {
  State worst = State::kOk;
  for (const Check& check : checks) worst = std::max(worst, check.state);
  return worst;
}

std::string Verdict::json() const {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> out(buffer);
  out.StartObject();
  out.Key("status");
  out.String(word(worst()));
  out.Key("live");
  out.Bool(live());
  out.Key("ready");
  out.Bool(ready());
  out.Key("checks");
  out.StartArray();
  for (const Check& check : checks) {
    out.StartObject();
    out.Key("name");
    out.String(check.name);
    out.Key("state");
    out.String(word(check.state));
    out.Key("detail");
    out.String(check.detail);
    out.EndObject();
  }
  out.EndArray();
  out.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

Verdict judge(const Signs& signs) {
  return {{watching(signs), self_test(signs), losses(signs), spool(signs), manager(signs), rules(signs)}};
}

}  // namespace tiercel::health
