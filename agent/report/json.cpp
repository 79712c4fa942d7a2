#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <unordered_map>

#include "agent/alert/json.h"
#include "agent/attack/coverage.h"
#include "agent/report/page.h"

namespace tiercel::report {
namespace {

constexpr uint64_t kMsNs = 1'000'000;
using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

void key(Writer& out, std::string_view name) {
  out.Key(name.data(), static_cast<rapidjson::SizeType>(name.size()));
}
void text(Writer& out, std::string_view value) {
  const std::string json = alert::json_string(value);
  out.RawValue(json.data(), json.size(), rapidjson::kStringType);
}
void put(Writer& out, std::string_view name, std::string_view value) {
  key(out, name);
  text(out, value);
}
void put(Writer& out, std::string_view name, uint64_t value) {
  key(out, name);
  out.Uint64(value);
}
void put(Writer& out, std::string_view name, const std::vector<std::string>& values) {
  key(out, name);
  out.StartArray();
  for (const std::string& value : values) text(out, value);
  out.EndArray();
}

const char* name_of(Kind kind) {
  switch (kind) {
    case Kind::kAlert:
      return "alert";
    case Kind::kReceipt:
      return "receipt";
    case Kind::kHeartbeat:
      return "heartbeat";
    case Kind::kNotice:
      return "notice";
  }
  return "alert";
}

void put_head(Writer& out, const Found& found, const About& about) {
  put(out, "schema", "1");
  put(out, "host", found.host.empty() ? about.host : found.host);
  put(out, "version", about.version);
  put(out, "since_ms", found.period.since_ns / kMsNs);
  put(out, "until_ms", found.period.until_ns / kMsNs);
  put(out, "made_ms", about.made_ns / kMsNs);
  put(out, "begins_ms", about.begins_ns / kMsNs);
  key(out, "totals");
  out.StartObject();
  put(out, "alerts", found.alerts);
  put(out, "receipts", found.receipts);
  put(out, "notices", found.notices_told);
  put(out, "unreadable", found.unreadable);
  put(out, "shown", found.rows.size());
  key(out, "by_priority");
  out.StartArray();
  for (const uint64_t count : found.by_priority) out.Uint64(count);
  out.EndArray();
  key(out, "by_category");
  out.StartArray();
  for (const auto& [name, count] : found.by_category) {
    out.StartObject();
    put(out, "name", name);
    put(out, "alerts", count);
    out.EndObject();
  }
  out.EndArray();
  out.EndObject();
  key(out, "lost");
  out.StartObject();
  put(out, "events", found.events_lost);
  put(out, "alerts", found.alerts_lost);
  put(out, "gaps", found.gaps);
  put(out, "gaps_ms", found.gaps_ms);
  key(out, "removed");
  out.StartArray();
  for (const About::Removed& one : about.removed) {
    out.StartObject();
    put(out, "rule", one.rule);
    put(out, "alerts", one.alerts);
    put(out, "last_ms", one.last_ns / kMsNs);
    out.EndObject();
  }
  out.EndArray();
  out.EndObject();
}

void put_tables(Writer& out, const Found& found) {
  key(out, "priorities");
  out.StartArray();
  for (const std::string_view name : kPriorityNames) text(out, name);
  out.EndArray();
  put(out, "containers", found.containers);
  key(out, "rules");
  out.StartArray();
  for (const RuleFound& rule : found.rules) {
    out.StartObject();
    put(out, "name", rule.name);
    put(out, "kind", name_of(rule.kind));
    put(out, "priority", static_cast<uint64_t>(rule.priority));
    put(out, "category", rule.category);
    put(out, "techniques", rule.techniques);
    put(out, "alerts", rule.alerts);
    put(out, "shown", rule.kept);
    put(out, "first_ms", rule.first_ns / kMsNs);
    put(out, "last_ms", rule.last_ns / kMsNs);
    out.EndObject();
  }
  out.EndArray();
}

void put_timeline(Writer& out, const Found& found) {
  key(out, "timeline");
  out.StartObject();
  put(out, "step_ms", found.step_ns / kMsNs);
  key(out, "series");
  out.StartArray();
  for (const auto& [series, steps] : found.timeline) {
    out.StartObject();
    put(out, "rule", series.rule);
    put(out, "container", series.container);
    put(out, "priority", series.priority);
    key(out, "counts");  // step, alerts, step, alerts ...
    out.StartArray();
    for (const auto& [step, count] : steps) {
      out.Uint(step);
      out.Uint64(count);
    }
    out.EndArray();
    out.EndObject();
  }
  out.EndArray();
  out.EndObject();
}

void put_attack(Writer& out, const Found& found) {
  std::vector<attack::TaggedRule> tagged;
  std::unordered_map<std::string, uint64_t> index;
  for (const RuleFound& rule : found.rules) {
    index.emplace(rule.name, index.size());
    if (rule.kind == Kind::kAlert) tagged.push_back({rule.name, rule.techniques, rule.tactics});
  }
  const attack::Coverage coverage = attack::coverage_of(tagged);
  key(out, "attack");
  out.StartObject();
  put(out, "version", attack::version());
  put(out, "unknown", coverage.unknown);
  key(out, "tactics");
  out.StartArray();
  for (const attack::Column& column : coverage.columns) {
    out.StartObject();
    put(out, "id", column.tactic->id);
    put(out, "title", column.tactic->title);
    key(out, "techniques");
    out.StartArray();
    for (const attack::Cell& cell : column.cells) {
      out.StartObject();
      put(out, "id", cell.technique->id);
      put(out, "name", cell.technique->name);
      key(out, "rules");
      out.StartArray();
      for (const std::string& rule : cell.rules) out.Uint64(index.at(rule));
      out.EndArray();
      out.EndObject();
    }
    out.EndArray();
    out.EndObject();
  }
  out.EndArray();
  out.EndObject();
}

void put_notices(Writer& out, const Found& found) {
  key(out, "notices");
  out.StartArray();
  for (const Notice& notice : found.notices) {
    out.StartObject();
    put(out, "time_ms", notice.time_ns / kMsNs);
    put(out, "rule", notice.facts.rule);
    put(out, "priority", static_cast<uint64_t>(notice.facts.priority));
    put(out, "message", notice.facts.message);
    if (notice.facts.lost > 0) put(out, "lost", notice.facts.lost);
    if (notice.facts.gap_ms > 0) put(out, "gap_ms", notice.facts.gap_ms);
    if (!notice.facts.from.empty()) put(out, "from", notice.facts.from);
    if (!notice.facts.to.empty()) put(out, "to", notice.facts.to);
    out.EndObject();
  }
  out.EndArray();
}

void put_status(Writer& out, const About& about) {
  rapidjson::Document status;
  status.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag>(about.status_json.data(),
                                                                                       about.status_json.size());
  const bool known = !status.HasParseError() && status.IsObject();
  key(out, "status");
  if (known)
    status.Accept(out);
  else
    out.Null();
  if (!known) put(out, "status_missing", about.status_missing);
}

void put_rows(Writer& out, const Found& found) {
  key(out, "rows");
  out.StartArray();
  for (const KeptRow& row : found.rows) {
    out.StartObject();
    put(out, "seq", row.seq);
    put(out, "time_ms", row.time_ns / kMsNs);
    put(out, "rule", row.rule);
    put(out, "container", row.container);
    put(out, "priority", row.priority);
    key(out, "event");
    out.RawValue(row.event_json.data(), row.event_json.size(), rapidjson::kObjectType);  // facts_of() has read it
    out.EndObject();
  }
  out.EndArray();
}

}  // namespace

std::string to_json(const Found& found, const About& about) {
  rapidjson::StringBuffer buffer;
  Writer out(buffer);
  out.StartObject();
  put_head(out, found, about);
  put_notices(out, found);
  put_status(out, about);
  put_tables(out, found);
  put_attack(out, found);
  put_timeline(out, found);
  put_rows(out, found);
  out.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace tiercel::report
