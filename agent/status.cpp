#include "agent/status.h"

#include <fmt/core.h>
#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <cstdlib>

#include "agent/base/fd.h"

namespace tiercel {

uint64_t rss_anon_bytes() {
  auto status = read_pseudo_file("/proc/self/status", 1 << 16);
  const size_t at = status ? status->find("RssAnon:") : std::string::npos;
  return at == std::string::npos ? 0 : std::strtoull(status->c_str() + at + 8, nullptr, 10) * 1024;
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
  number("alerts", alerts);
  object("lost", [&] {
    number("total", lost());
    number("kernel", kernel_lost);
    number("malformed_records", records_lost);
    number("spool", spool_lost);
    number("outputs", outputs_lost);
  });
  object("rules", [&] {
    number("active", rules_active);
    number("total", rules_total);
    text("digest", rules_digest);
  });
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
  object("spool", [&] { number("waiting", spool_waiting); });
  object("memory", [&] {
    number("rss_anon_bytes", rss_anon_bytes);
    number("ring_bytes", ring_bytes);
    number("processes", processes);
  });
  out.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

std::string status_text(const std::string& json, bool colour) {
  rapidjson::Document s;
  s.Parse<rapidjson::kParseIterativeFlag>(json.data(), json.size());
  if (s.HasParseError() || !s.IsObject()) return json + "\n";
  auto number = [&s](const char* group, const char* key) -> uint64_t {
    const rapidjson::Value* at = &s;
    if (*group) {
      if (!s.HasMember(group) || !s[group].IsObject()) return 0;
      at = &s[group];
    }
    return at->HasMember(key) && (*at)[key].IsUint64() ? (*at)[key].GetUint64() : 0;
  };
  auto text = [&s](const char* group, const char* key) -> std::string {
    const rapidjson::Value* at = &s;
    if (*group) {
      if (!s.HasMember(group) || !s[group].IsObject()) return {};
      at = &s[group];
    }
    return at->HasMember(key) && (*at)[key].IsString() ? (*at)[key].GetString() : "";
  };
  auto flag = [&s](const char* group, const char* key) {
    return s.HasMember(group) && s[group].IsObject() && s[group].HasMember(key) && s[group][key].IsBool() &&
           s[group][key].GetBool();
  };
  const uint64_t lost = number("lost", "total");
  const bool connected = flag("manager", "connected");
  const std::string manager = !flag("manager", "configured")
                                  ? "none"
                                  : fmt::format("{} {} (agent {}), {} sent, {} confirmed", text("manager", "address"),
                                                connected ? "connected" : "NOT CONNECTED", text("manager", "agent_id"),
                                                number("manager", "sent"), number("manager", "confirmed"));
  const char* alarm = colour && (lost > 0) ? "\033[1;31m" : "";
  const char* off = *alarm ? "\033[0m" : "";
  return fmt::format(
      "tiercel {}, up {} s\n"
      "  rules     {} active of {}, digest {}\n"
      "  events    {}\n"
      "  alerts    {}\n"
      "  {}lost      {} (kernel {}, malformed {}, spool {}, outputs {}){}\n"
      "  manager   {}\n"
      "  spool     {} waiting\n"
      "  memory    {:.1f} MiB anonymous, {:.1f} MiB rings, {} processes known\n",
      text("", "version"), number("", "uptime_s"), number("rules", "active"), number("rules", "total"),
      text("rules", "digest"), number("", "events"), number("", "alerts"), alarm, lost, number("lost", "kernel"),
      number("lost", "malformed_records"), number("lost", "spool"), number("lost", "outputs"), off, manager,
      number("spool", "waiting"), static_cast<double>(number("memory", "rss_anon_bytes")) / (1 << 20),
      static_cast<double>(number("memory", "ring_bytes")) / (1 << 20), number("memory", "processes"));
}

}  // namespace tiercel
