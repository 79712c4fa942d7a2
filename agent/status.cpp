#include "agent/status.h"

#include <fmt/core.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <cstdlib>

#include "agent/alert/json.h"
#include "agent/base/fd.h"
#include "agent/base/time_text.h"
#include "agent/troubles.h"

namespace tiercel {

uint64_t rss_anon_bytes() {
  auto status = read_pseudo_file("/proc/self/status", 1 << 16);
  const size_t at = status ? status->find("RssAnon:") : std::string::npos;
  return at == std::string::npos ? 0 : std::strtoull(status->c_str() + at + 8, nullptr, 10) * 1024;
}

namespace {

using JsonWriter = rapidjson::Writer<rapidjson::StringBuffer>;

void write_text(JsonWriter& out, const char* key, const std::string& value) {
  const std::string valid = alert::json_string(value);  // what a manager sent may be no UTF-8
  out.Key(key);
  out.RawValue(valid.data(), valid.size(), rapidjson::kStringType);
}

void write_group(JsonWriter& out, const group::GroupState& group) {
  out.Key("group_configuration");
  out.StartObject();
  out.Key("enabled");
  out.Bool(group.enabled);
  write_text(out, "group", group.group);
  write_text(out, "md5", group.md5);
  write_text(out, "applied_at", group.applied_ns == 0 ? "" : iso8601_z(group.applied_ns));
  out.Key("files");
  out.StartArray();
  for (const std::string& file : group.files) {
    const std::string valid = alert::json_string(file);
    out.RawValue(valid.data(), valid.size(), rapidjson::kStringType);
  }
  out.EndArray();
  if (group.refusal) {
    out.Key("refused");
    out.StartObject();
    write_text(out, "md5", group.refusal->md5);
    write_text(out, "file", group.refusal->file);
    out.Key("line");
    out.Int(group.refusal->line);
    out.Key("column");
    out.Int(group.refusal->column);
    write_text(out, "reason", group.refusal->reason);
    out.Key("waits_for_host");
    out.Bool(group.waits);
    out.EndObject();
  }
  out.EndObject();
}

void write_outputs(JsonWriter& out, const std::vector<OutputRow>& outputs) {
  out.Key("outputs");
  out.StartArray();
  for (const OutputRow& row : outputs) {
    out.StartObject();
    write_text(out, "name", row.name);
    out.Key("delivered");
    out.Uint64(row.delivered);
    out.Key("waiting");
    out.Uint64(row.waiting);
    out.Key("failures");
    out.Uint64(row.failures);
    out.Key("lost");
    out.Uint64(row.lost);
    out.Key("breaker_open");
    out.Bool(row.open);
    write_text(out, "last_answer", row.last_answer);  // what a service sent may be no UTF-8
    out.EndObject();
  }
  out.EndArray();
}

void write_hardening(JsonWriter& out, const hardening::State& state) {
  out.Key("hardening");
  out.StartObject();
  out.Key("seccomp");
  out.Bool(state.seccomp);
  out.Key("no_new_privs");
  out.Bool(state.no_new_privs);
  out.Key("dumpable");
  out.Bool(state.dumpable);
  out.Key("capabilities");
  out.StartArray();
  for (const std::string& name : state.capabilities) out.String(name);
  out.EndArray();
  out.EndObject();
}

}  // namespace

uint64_t Status::held_back() const {
  uint64_t sum = 0;
  for (const CgroupLossRow& row : cgroup_losses) sum += row.held_back;
  return sum;
}

void Status::take_losses(const Metrics& metrics) {
  records_lost = metrics.sum("tiercel_records_lost_total");
  spool_lost = metrics.sum("tiercel_spool_lost_total");
  outputs_lost = metrics.sum("tiercel_output_lost_total");
  missed_runs = metrics.sum("tiercel_kernel_missed_runs_total");
}

std::string Status::json() const {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> out(buffer);
  auto text = [&out](const char* key, const std::string& value) {
    out.Key(key);
    out.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
  };
  auto number = [&out](const char* key, uint64_t value) {
    out.Key(key);
    out.Uint64(value);
  };
  auto object = [&out](const char* key, auto&& fill) {
    out.Key(key);
    out.StartObject();
    fill();
    out.EndObject();
  };
  out.StartObject();
  text("version", version);
  number("uptime_s", uptime_s);
  number("events", events);
  number("filtered", kernel_filtered);
  number("alerts", alerts);
  object("lost", [&] {
    number("total", lost());
    number("kernel", kernel_lost);
    number("missed_runs", missed_runs);
    number("held_back", held_back());
    number("floods", floods);
    number("malformed_records", records_lost);
    number("spool", spool_lost);
    number("outputs", outputs_lost);
    number("recently", lost_recently);
    number("recently_s", RecentLosses::kSpanS);
    out.Key("by_cgroup");
    out.StartArray();
    for (const CgroupLossRow& row : cgroup_losses) {
      out.StartObject();
      text("event", row.event);
      text("cgroup", std::to_string(row.cgroup_id));  // 64 bits: more than a JSON number safely holds
      text("container", row.container);
      number("lost", row.lost);
      number("held_back", row.held_back);
      out.EndObject();
    }
    out.EndArray();
  });
  object("containers", [&] {
    number("known", containers.containers);
    number("unverified", containers.unverified);
    number("incomplete", containers.waiting);
    number("cgroups", containers.cgroups);
    number("readers_stuck", containers.readers_stuck);
    number("facts_bytes", containers.facts_bytes);
  });
  object("rules", [&] {
    number("active", rules.rules.active);
    number("total", rules.rules.total);
    text("digest", rules.rules.digest);
    text("loaded_at", iso8601_z(rules.loaded_ns));
    number("groups_evicted", groups_evicted);
    out.Key("watching");
    out.Bool(rules.watching);
    object("reloads", [&] {
      number("ok", rules.accepted);
      number("refused", rules.refused);
    });
    out.Key("needs_restart");
    out.StartArray();
    for (const std::string& key : rules.needs_restart) out.String(key);
    out.EndArray();
    if (rules.refused_ns == 0) return;
    object("last_refusal", [&] {
      text("at", iso8601_z(rules.refused_ns));
      text("reason", rules.refusal);
      out.Key("stands");
      out.Bool(rules.refusal_stands);
    });
  });
  if (group) write_group(out, *group);
  object("manager", [&] {
    out.Key("configured");
    out.Bool(manager_configured);
    out.Key("connected");
    out.Bool(manager_connected);
    text("address", manager_address);
    text("agent_id", agent_id);
    number("sent", manager_sent);
    number("confirmed", manager_confirmed);
  });
  write_outputs(out, outputs);
  object("spool", [&] {
    number("waiting", spool_waiting);
    out.Key("on_disk");
    out.Bool(spool_on_disk);
    out.Key("rescuing");
    out.Bool(spool_rescuing);
  });
  text("self_test", self_test);
  object("canaries", [&] {
    number("heard", canaries.heard);
    number("silent", canaries.silent);
    number("latency_us", canaries.latency_ns / 1'000);
    number("manager_ms", manager_canary_ns / 1'000'000);
    out.Key("deaf");
    out.StartArray();
    for (const std::string& hook : canaries.deaf) out.String(hook);
    out.EndArray();
  });
  object("attached", [&] {
    text("digest", attached.digest);
    number("hooks", attached.hooks);
    number("gone", attached.gone);
  });
  number("witness_pid", static_cast<uint64_t>(witness_pid));
  write_hardening(out, hardening);
  object("memory", [&] {
    number("rss_anon_bytes", rss_anon_bytes);
    number("ring_bytes", ring_bytes);
    number("processes", processes);
  });
  out.Key("troubles");
  out.StartArray();
  for (const std::string& trouble : troubles_of(*this)) {
    const std::string valid = alert::json_string(trouble);
    out.RawValue(valid.data(), valid.size(), rapidjson::kStringType);
  }
  out.EndArray();
  out.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

std::string summary_text(const Status& s) {
  std::string out = fmt::format("\nevents seen       {}\nalerts            {}\n", s.events, s.alerts);
  if (s.manager_configured)
    out += fmt::format("sent to manager   {} (confirmed {}, sent and not confirmed yet {})\n", s.manager_sent,
                       s.manager_confirmed, s.manager_unconfirmed);
  out += fmt::format("lost              {} (in the kernel {}, malformed {}, in the spool {}, at outputs {})\n",
                     s.lost(), s.kernel_lost, s.records_lost, s.spool_lost, s.outputs_lost);
  if (s.held_back() > 0)
    out += fmt::format("  held back       {} of cgroups that flooded, to leave room for others\n", s.held_back());
  if (!s.cgroup_losses.empty()) out += fmt::format("  by container    {}\n", lost_by_container(s.cgroup_losses));
  return out;
}

}  // namespace tiercel
