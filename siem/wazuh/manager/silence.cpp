#include "siem/wazuh/manager/silence.h"

#include <fmt/core.h>
#include <rapidjson/document.h>

#include <cstdlib>

#include "agent/alert/json.h"
#include "agent/base/time_text.h"

namespace tiercel::wazuh {
namespace {

constexpr std::string_view kPrefix = "tiercel: ";
constexpr std::string_view kHeartbeat = R"("rule":"Tiercel internal: heartbeat")";

std::string text_in(const rapidjson::Value& fields, const char* name) {
  const auto found = fields.FindMember(name);
  return found != fields.MemberEnd() && found->value.IsString() ? found->value.GetString() : "";
}

}  // namespace

void Silence::heard(const std::string& agent_id, const std::string& agent_name, uint64_t now_ns) {
  Agent& agent = agents_[agent_id];
  agent.name = agent_name;
  agent.heard_ns = now_ns;
  agent.silent = false;
}

void Silence::event(const std::string& agent_id, std::string_view text) {
  if (!text.starts_with(kPrefix) || text.find(kHeartbeat) == std::string_view::npos) return;
  rapidjson::Document document;
  const std::string_view json = text.substr(kPrefix.size());
  document.Parse<rapidjson::kParseIterativeFlag>(json.data(), json.size());
  if (document.HasParseError() || !document.IsObject() || !document.HasMember("tiercel")) return;
  const rapidjson::Value& alert = document["tiercel"];
  if (!alert.IsObject() || !alert.HasMember("field") || !alert["field"].IsObject()) return;
  const rapidjson::Value& fields = alert["field"];
  Agent& agent = agents_[agent_id];
  const std::string rules = text_in(fields, "rules_digest"), attached = text_in(fields, "attached_digest");
  const uint64_t uptime_s = std::strtoull(text_in(fields, "uptime_s").c_str(), nullptr, 10);
  const bool same_run = uptime_s >= agent.uptime_s, same_rules = rules == agent.rules_digest;
  if (!same_run || !same_rules) agent.settled_ns = agent.heard_ns + kSettleNs;
  if (agent.heard_ns >= agent.settled_ns && !agent.attached_digest.empty() && attached != agent.attached_digest)
    found_.push_back({agent_id,
                      agent.name,
                      "Dev-manager: agent's hooks changed",
                      fmt::format("agent {} ({}) runs the same rules as before with other hooks: {} instead of {}",
                                  agent_id, agent.name, attached.empty() ? "none" : attached, agent.attached_digest),
                      {{"attached_digest", attached}, {"before", agent.attached_digest}}});
  agent.rules_digest = rules;
  agent.attached_digest = attached;
  agent.uptime_s = uptime_s;
}

void Silence::started(const std::string& agent_id) {
  agents_[agent_id].ended = false;
}

void Silence::ended(const std::string& agent_id) {
  agents_[agent_id].ended = true;
}

std::vector<Silence::Finding> Silence::look(uint64_t now_ns) {
  for (auto& [id, agent] : agents_) {
    if (agent.ended || agent.silent || agent.heard_ns == 0 || now_ns < agent.heard_ns + kSilentNs) continue;
    agent.silent = true;
    const uint64_t silent_s = (now_ns - agent.heard_ns) / 1'000'000'000;
    found_.push_back(
        {id,
         agent.name,
         "Dev-manager: agent silent",
         fmt::format("agent {} ({}) has been silent for {} s and did not say that it ends", id, agent.name, silent_s),
         {{"silent_s", std::to_string(silent_s)}}});
  }
  return std::exchange(found_, {});
}

std::string text_of(const Silence::Finding& finding, uint64_t number, uint64_t realtime_ns) {
  std::string text = fmt::format(
      R"(tiercel: {{"tiercel":{{"schema":"1","id":"dev-manager-{}","time":{},"rule":{},"priority":"Critical","source":"manager","output":{},"field":{{)",
      number, alert::json_string(iso8601_z(realtime_ns)), alert::json_string(finding.rule),
      alert::json_string(finding.message));
  for (size_t i = 0; i < finding.fields.size(); ++i)
    text += fmt::format("{}{}:{}", i == 0 ? "" : ",", alert::json_string(finding.fields[i].first),
                        alert::json_string(finding.fields[i].second));
  return text + "}}}";
}

}  // namespace tiercel::wazuh
