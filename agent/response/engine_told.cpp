// What the engine tells: receipts, and the lists of `tiercel respond`.
#include <fmt/core.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>

#include "agent/base/log.h"
#include "agent/response/engine_job.h"
#include "agent/response/responder.h"

namespace tiercel::response {
namespace {

constexpr size_t kRecentMax = 256;
constexpr uint64_t kNsPerS = 1'000'000'000;
using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

void text(Writer& writer, const char* key, const std::string& value) {
  writer.Key(key);
  writer.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
}

void number(Writer& writer, const char* key, uint64_t value) {
  writer.Key(key);
  writer.Uint64(value);
}

bool is_good(const std::string& result) {
  return result == "done" || result == "undone" || result == "would" || result == "already";
}

alert::Report receipt_of(const std::string& response, const std::string& act, const std::string& result,
                         const std::string& reason) {
  alert::Report report;
  report.priority = is_good(result) ? Priority::kNotice : Priority::kWarning;
  report.rule = kReceiptRule;
  report.message = fmt::format("{} ({}) {}{}{}", response, act, result, reason.empty() ? "" : ": ", reason);
  report.fields = {
      {"response.origin", "local"}, {"response.name", response}, {"response.action", act}, {"response.result", result}};
  if (!reason.empty()) report.fields.emplace_back("response.reason", reason);
  return report;
}

}  // namespace

std::string target_text(const Order& order) {
  if (order.act == Act::kBlock) return order.address;
  if (order.act == Act::kQuarantine) return order.file.path;
  if (order.reach == Reach::kContainer)
    return "container " + (order.container_name.empty() ? order.container_id.substr(0, 12) : order.container_name);
  return process_text(order.process, order.pid);
}

std::string outcome_text(const Deed& deed) {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  writer.StartObject();
  text(writer, "result", deed.result);
  text(writer, "reason", deed.reason);
  writer.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

Engine::Told Engine::told_of(const Job& job) const {
  return {job.id,          job.order.response, text_of(job.order.act), job.target,
          job.deed.result, job.deed.reason,    clock_.realtime_ns()};
}

void Engine::remember(Told told) {
  if (recent_.size() >= kRecentMax) recent_.pop_front();
  recent_.push_back(std::move(told));
}

void Engine::give(const Job& job) {
  const Order& order = job.order;
  const std::string& result = job.deed.result;
  if (result == "done") done_.add();
  if (result == "would") would_.add();
  if (result == "refused") refused_.add();
  if (result == "failed" || result == "timeout") failed_.add();
  alert::Report report = receipt_of(order.response, text_of(order.act), result, job.deed.reason);
  auto field = [&report](const char* name, const std::string& value) {
    if (!value.empty()) report.fields.emplace_back(std::string("response.") + name, value);
  };
  field("target", text_of(order.reach));
  field("way", job.kernel ? "kernel" : "user");
  if (order.pid > 0) report.fields.emplace_back("response.pid", static_cast<int64_t>(order.pid));
  if (order.start_ns > 0) report.fields.emplace_back("response.start_ns", order.start_ns);
  field("process", order.process);
  field("container_id", order.container_id);
  field("container_name", order.container_name);
  if (order.act == Act::kBlock) field("address", order.address);
  if (order.act == Act::kQuarantine) field("file", order.file.path);
  field("alert_id", order.alert->id);
  field("alert_rule", order.alert->rule);
  if (result == "done") field("undo_id", job.id);
  if (job.acted_ns > order.event_ns && order.event_ns > 0)
    report.fields.emplace_back("response.latency_us", (job.acted_ns - order.event_ns) / 1'000);
  report.fields.emplace_back("response.duration_ms", (clock_.monotonic_ns() - job.begun_ns) / 1'000'000);
  log::info("response {}", report.message);
  reports_.put(std::move(report));
  const std::lock_guard lock(mutex_);
  remember(told_of(job));
}

void give_undone(alert::Reports& reports, const UndoneDeed& deed, uint64_t now_ns) {
  alert::Report report = receipt_of(deed.response, deed.act, deed.result, deed.reason);
  report.fields.emplace_back("response.undo_id", deed.id);
  report.fields.emplace_back("response.duration_ms", (now_ns - deed.begun_ns) / 1'000'000);
  log::info("response {}", report.message);
  reports.put(std::move(report));
}

std::string Engine::outcome(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const auto found = outcomes_.find(id);
  return found == outcomes_.end() ? R"({"result":"waiting"})" : found->second;
}

std::string Engine::list() const {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  const std::lock_guard lock(mutex_);
  const uint64_t now_ns = clock_.boottime_ns();
  writer.StartObject();
  writer.Key("dry_run");
  writer.Bool(policy_.dry_run);
  number(writer, "budget_per_min", policy_.budget_per_min);
  number(writer, "waiting", fast_.size() + slow_.size());
  writer.Key("in_effect");
  writer.StartArray();
  for (const auto& [id, effect] : effects_) {
    writer.StartObject();
    text(writer, "id", id);
    text(writer, "response", effect.response);
    text(writer, "action", effect.act);
    text(writer, "target", effect.target);
    if (effect.kept.timeout_s > 0)
      number(writer, "undone_in_s", effect.kept.due_ns > now_ns ? (effect.kept.due_ns - now_ns) / kNsPerS : 0);
    writer.EndObject();
  }
  writer.EndArray();
  writer.Key("recent");
  writer.StartArray();
  for (auto told = recent_.rbegin(); told != recent_.rend(); ++told) {
    writer.StartObject();
    number(writer, "time_s", told->time_ns / kNsPerS);
    text(writer, "response", told->response);
    text(writer, "action", told->act);
    text(writer, "target", told->target);
    text(writer, "result", told->result);
    text(writer, "reason", told->reason);
    if (!told->id.empty()) text(writer, "id", told->id);
    writer.EndObject();
  }
  writer.EndArray();
  writer.Key("spent");
  writer.StartObject();
  for (const auto& [response, times] : spent_) {
    const auto used =
        std::count_if(times.begin(), times.end(), [&](uint64_t at) { return now_ns < at + 60 * kNsPerS; });
    number(writer, response.empty() ? "(all)" : response.c_str(), static_cast<uint64_t>(used));
  }
  writer.EndObject();
  writer.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace tiercel::response
