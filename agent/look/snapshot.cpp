#include "agent/look/snapshot.h"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>

#include "agent/base/priority.h"
#include "agent/match/regex.h"
#include "decoders/catalog.h"

namespace tiercel::look {
namespace {

class Out {
 public:
  Out() { writer_.StartObject(); }
  void text(const char* key, std::string_view value) {
    std::string storage;
    const std::string_view valid = match::valid_utf8(value, storage);  // names of processes may be any bytes
    writer_.Key(key);
    writer_.String(valid.data(), static_cast<rapidjson::SizeType>(valid.size()));
  }
  void number(const char* key, uint64_t value) {
    writer_.Key(key);
    writer_.Uint64(value);
  }
  template <class Rows, class Fill>
  void rows(const char* key, const Rows& rows, Fill&& fill) {
    writer_.Key(key);
    writer_.StartArray();
    for (const auto& row : rows) {
      writer_.StartObject();
      fill(row);
      writer_.EndObject();
    }
    writer_.EndArray();
  }
  std::string members() {
    writer_.EndObject();
    return {buffer_.GetString() + 1, buffer_.GetSize() - 2};
  }

 private:
  rapidjson::StringBuffer buffer_;
  rapidjson::Writer<rapidjson::StringBuffer> writer_{buffer_};
};

using RuleRow = std::pair<rule::RuleId, rule::RuleCounts>;

std::vector<RuleRow> most_telling(std::vector<RuleRow> rules) {
  if (rules.size() <= Snapshot::kRulesMost) return rules;
  const auto more = [](const RuleRow& a, const RuleRow& b) {
    return std::pair(a.second.alerts, a.second.cost_ns) > std::pair(b.second.alerts, b.second.cost_ns);
  };
  std::nth_element(rules.begin(), rules.begin() + Snapshot::kRulesMost, rules.end(), more);
  rules.resize(Snapshot::kRulesMost);
  return rules;
}

}  // namespace

std::string Snapshot::json_members() const {
  Out out;
  out.number("taken_ns", taken_ns);
  out.number("since_ns", since_ns);
  out.number("events", events);
  out.number("timed", timed);
  out.number("timed_every", timed_every);
  out.number("evicted", evicted);
  out.number("finding_ns", finding_ns);
  out.text("rules_digest", set->digest());
  out.rows("rules", most_telling(rules), [&](const RuleRow& row) {
    const rule::Rule& rule = set->rule(row.first);
    out.text("rule", rule.name);
    out.text("priority", display_name(rule.priority));
    out.number("tried", row.second.tried);
    out.number("held", row.second.held);
    out.number("alerts", row.second.alerts);
    out.number("timed", row.second.timed);
    out.number("tried_ns", row.second.tried_ns);
    out.number("cost_ns", row.second.cost_ns);
  });
  out.rows("processes", processes, [&](const ProcessCounts& row) {
    out.number("pid", row.pid);
    out.text("start", std::to_string(row.start_ns));  // 64 bits: more than a JSON number safely holds
    out.text("name", row.name);
    out.text("exepath", row.exepath);
    out.text("container", row.container);
    out.number("events", row.events);
    out.number("alerts", row.alerts);
  });
  out.rows("containers", containers, [&](const ContainerCounts& row) {
    out.text("id", row.facts ? row.facts->id : "host");
    if (row.facts) {
      out.text("name", row.facts->name);
      out.text("image", row.facts->image);
      out.text("type", row.facts->type);
      out.text("pod", row.facts->pod_name);
      out.text("namespace", row.facts->pod_namespace);
    }
    out.number("events", row.events);
    out.number("alerts", row.alerts);
  });
  out.rows("types", types, [&](const auto& row) {
    const decoders::EventInfo* info = decoders::event_info(row.first);
    out.text("event", info ? info->name : "?");
    out.number("events", row.second.events);
    out.number("timed", row.second.timed);
    out.number("timed_ns", row.second.timed_ns);
    out.number("cost_ns", row.second.cost_ns);
  });
  return out.members();
}

}  // namespace tiercel::look
