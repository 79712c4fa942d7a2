#include "agent/status.h"

#include <fmt/core.h>
#include <rapidjson/document.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <cstdlib>
#include <initializer_list>

#include "agent/alert/json.h"
#include "agent/base/fd.h"
#include "agent/base/time_text.h"

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

}  // namespace

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
  number("alerts", alerts);
  object("lost", [&] {
    number("total", lost());
    number("kernel", kernel_lost);
    number("malformed_records", records_lost);
    number("spool", spool_lost);
    number("outputs", outputs_lost);
    out.Key("by_cgroup");
    out.StartArray();
    for (const CgroupLossRow& row : cgroup_losses) {
      out.StartObject();
      text("event", row.event);
      text("cgroup", std::to_string(row.cgroup_id));  // 64 bits: more than a JSON number safely holds
      text("container", row.container);
      number("lost", row.lost);
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
  });
  text("self_test", self_test);
  object("memory", [&] {
    number("rss_anon_bytes", rss_anon_bytes);
    number("ring_bytes", ring_bytes);
    number("processes", processes);
  });
  out.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

namespace {

// The status reply, looked into without surprises: what is not there is 0, empty or false.
class Reply {
 public:
  explicit Reply(const std::string& json) {
    rapidjson::MemoryStream stream(json.data(), json.size());
    document_.ParseStream<rapidjson::kParseIterativeFlag>(stream);
  }
  // NOLINTNEXTLINE(clang-analyzer-cplusplus.NewDeleteLeaks): the document owns its allocator
  explicit Reply(const rapidjson::Value& value) { document_.CopyFrom(value, document_.GetAllocator()); }
  [[nodiscard]] bool valid() const { return !document_.HasParseError() && document_.IsObject(); }
  [[nodiscard]] const rapidjson::Value* find(std::initializer_list<const char*> path) const {
    const rapidjson::Value* at = &document_;
    for (const char* key : path) {
      if (!at->IsObject()) return nullptr;
      auto member = at->FindMember(key);
      if (member == at->MemberEnd()) return nullptr;
      at = &member->value;
    }
    return at;
  }
  [[nodiscard]] uint64_t number(std::initializer_list<const char*> path) const {
    const rapidjson::Value* at = find(path);
    return at && at->IsUint64() ? at->GetUint64() : 0;
  }
  [[nodiscard]] std::string text(std::initializer_list<const char*> path) const {
    const rapidjson::Value* at = find(path);
    return at && at->IsString() ? at->GetString() : "";
  }
  [[nodiscard]] bool flag(std::initializer_list<const char*> path) const {
    const rapidjson::Value* at = find(path);
    return at && at->IsBool() && at->GetBool();
  }

 private:
  rapidjson::Document document_;
};

// What stands between the rules on the disk and those that run.
std::string rules_trouble(const Reply& s, const char* alarm, const char* off) {
  std::string out;
  if (s.flag({"rules", "last_refusal", "stands"}))
    out += fmt::format("  {}refused   {} (at {}){}\n", alarm, s.text({"rules", "last_refusal", "reason"}),
                       s.text({"rules", "last_refusal", "at"}), off);
  const rapidjson::Value* keys = s.find({"rules", "needs_restart"});
  std::string names;
  if (keys && keys->IsArray())
    for (const auto& key : keys->GetArray())
      if (key.IsString()) names += (names.empty() ? "" : ", ") + std::string(key.GetString());
  if (!names.empty()) out += fmt::format("  restart   needed for changed keys: {}\n", names);
  return out;
}

std::string group_text(const Reply& s, const char* alarm, const char* off) {
  const rapidjson::Value* files = s.find({"group_configuration", "files"});
  if (files == nullptr || !files->IsArray()) return {};
  std::string names;
  for (const auto& file : files->GetArray())
    if (file.IsString()) names += (names.empty() ? "" : ", ") + std::string(file.GetString());
  const std::string md5 = s.text({"group_configuration", "md5"});
  std::string out = "  group     ";
  if (md5.empty())
    out += "nothing from the manager yet";
  else
    out += fmt::format("{} ({}), {}", names.empty() ? "no files for Tiercel" : names,
                       s.text({"group_configuration", "group"}), md5);
  if (!s.flag({"group_configuration", "enabled"})) out += "; not applied: group_configuration is off";
  out += "\n";
  if (const std::string file = s.text({"group_configuration", "refused", "file"}); !file.empty())
    out += fmt::format("  {}refused   the group's {}:{}:{}: {} ({}){}\n", alarm, file,
                       s.number({"group_configuration", "refused", "line"}),
                       s.number({"group_configuration", "refused", "column"}),
                       s.text({"group_configuration", "refused", "reason"}),
                       s.flag({"group_configuration", "refused", "waits_for_host"})
                           ? "waits for the host's files"
                           : s.text({"group_configuration", "refused", "md5"}),
                       off);
  return out;
}

// What a server sent goes to somebody's terminal.
std::string without_controls(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < ' ' || c == 0x7f; }, ' ');
  return text;
}

std::string outputs_text(const Reply& s, const char* alarm, const char* off) {
  const rapidjson::Value* outputs = s.find({"outputs"});
  if (outputs == nullptr || !outputs->IsArray()) return {};
  std::string out;
  for (const rapidjson::Value& output : outputs->GetArray()) {
    const Reply row(output);
    const bool trouble = row.flag({"breaker_open"}) || row.number({"lost"}) > 0;
    out += fmt::format("  {}output    {}: {} delivered, {} waiting", trouble ? alarm : "", row.text({"name"}),
                       row.number({"delivered"}), row.number({"waiting"}));
    if (const uint64_t failures = row.number({"failures"}); failures > 0) out += fmt::format(", {} failures", failures);
    if (const uint64_t lost = row.number({"lost"}); lost > 0) out += fmt::format(", {} lost", lost);
    if (row.flag({"breaker_open"})) out += ", DOES NOT WORK: tried now and then";
    if (const std::string answer = row.text({"last_answer"}); !answer.empty()) out += "; " + without_controls(answer);
    out += fmt::format("{}\n", trouble ? off : "");
  }
  return out;
}

}  // namespace

std::string summary_text(const Status& s) {
  std::string out = fmt::format("\nevents seen       {}\nalerts            {}\n", s.events, s.alerts);
  if (s.manager_configured)
    out += fmt::format("sent to manager   {} (confirmed {}, sent and not confirmed yet {})\n", s.manager_sent,
                       s.manager_confirmed, s.manager_unconfirmed);
  out += fmt::format("lost              {} (in the kernel {}, malformed {}, in the spool {}, at outputs {})\n",
                     s.lost(), s.kernel_lost, s.records_lost, s.spool_lost, s.outputs_lost);
  if (!s.cgroup_losses.empty()) out += fmt::format("  by container    {}\n", lost_by_container(s.cgroup_losses));
  return out;
}

std::string status_text(const std::string& json, bool colour) {
  const Reply s(json);
  if (!s.valid()) return json + "\n";
  const uint64_t lost = s.number({"lost", "total"});
  const char* alarm = colour ? "\033[1;31m" : "";
  const char* off = colour ? "\033[0m" : "";
  const std::string manager =
      !s.flag({"manager", "configured"})
          ? "none"
          : fmt::format("{} {} (agent {}), {} sent, {} confirmed", s.text({"manager", "address"}),
                        s.flag({"manager", "connected"}) ? "connected" : "NOT CONNECTED",
                        s.text({"manager", "agent_id"}), s.number({"manager", "sent"}),
                        s.number({"manager", "confirmed"}));
  std::string out = fmt::format(
      "tiercel {}, up {} s\n"
      "  rules     {} active of {}, digest {}, loaded {} ({} reloads, {} refused)\n",
      s.text({"version"}), s.number({"uptime_s"}), s.number({"rules", "active"}), s.number({"rules", "total"}),
      s.text({"rules", "digest"}), s.text({"rules", "loaded_at"}).substr(0, 19) + "Z",
      s.number({"rules", "reloads", "ok"}), s.number({"rules", "reloads", "refused"}));
  out += rules_trouble(s, alarm, off) + group_text(s, alarm, off);
  out += fmt::format(
      "  events    {}\n"
      "  alerts    {}\n"
      "  {}lost      {} (kernel {}, malformed {}, spool {}, outputs {}){}\n"
      "  manager   {}\n"
      "  spool     {} waiting, {}\n",
      s.number({"events"}), s.number({"alerts"}), lost > 0 ? alarm : "", lost, s.number({"lost", "kernel"}),
      s.number({"lost", "malformed_records"}), s.number({"lost", "spool"}), s.number({"lost", "outputs"}),
      lost > 0 ? off : "", manager, s.number({"spool", "waiting"}),
      s.flag({"spool", "on_disk"}) ? "on the disk" : "in memory only");
  if (s.text({"self_test"}) == "failed")
    out +=
        fmt::format("  {}blind     the kernel does not tell of our own processes: restart the agent{}\n", alarm, off);
  out += outputs_text(s, alarm, off);
  if (const uint64_t known = s.number({"containers", "known"}); known > 0)
    out += fmt::format("  containers {} ({} without a runtime's record that names them, {} not fully known yet)\n",
                       known, s.number({"containers", "unverified"}), s.number({"containers", "incomplete"}));
  if (const uint64_t stuck = s.number({"containers", "readers_stuck"}); stuck > 0)
    out += fmt::format("  {}readers   {} wait for a disk that does not answer{}\n", alarm, stuck, off);
  return out + fmt::format("  memory    {:.1f} MiB anonymous, {:.1f} MiB rings, {} processes known\n",
                           static_cast<double>(s.number({"memory", "rss_anon_bytes"})) / (1 << 20),
                           static_cast<double>(s.number({"memory", "ring_bytes"})) / (1 << 20),
                           s.number({"memory", "processes"}));
}

}  // namespace tiercel
