// tiercel fields | events | doctor | status
#include <fmt/core.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <unistd.h>

#include <cstdio>

#include "agent/cli/commands.h"
#include "agent/control/control_client.h"
#include "agent/rule/fields.h"
#include "agent/sensor/bpf_source.h"
#include "agent/status.h"
#include "decoders/catalog.h"

namespace tiercel::cli {
namespace {

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

void put(Writer& out, const char* key, std::string_view value) {
  out.Key(key);
  out.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
}

}  // namespace

int fields(bool json) {
  rapidjson::StringBuffer buffer;
  Writer out(buffer);
  out.StartArray();
  for (const rule::FieldInfo& field : rule::all_fields()) {
    if (field.has(rule::FF_TABLE_ONLY)) continue;
    if (!json) {
      fmt::print("{:<38} {:<9} {}{}\n", field.name, rule::type_text(field.type), field.doc,
                 field.waits_for.empty() ? "" : fmt::format("  [not fed yet: waits for {}]", field.waits_for));
      continue;
    }
    out.StartObject();
    put(out, "name", field.name);
    put(out, "type", rule::type_text(field.type));
    put(out, "description", field.doc);
    put(out, "waits_for", field.waits_for);
    out.EndObject();
  }
  out.EndArray();
  if (json) std::printf("%s\n", buffer.GetString());
  return 0;
}

int events(bool json) {
  rapidjson::StringBuffer buffer;
  Writer out(buffer);
  out.StartArray();
  for (const decoders::EventInfo& event : decoders::all_events()) {
    if (event.flags & decoders::EF_INTERNAL) continue;
    std::string params;
    for (std::string_view param : event.params) params += (params.empty() ? "" : " ") + std::string(param);
    if (!json) {
      fmt::print("{:<10} {:<8} {}\n{:<20}{}\n", event.name, event.category, event.record->doc, "", params);
      continue;
    }
    out.StartObject();
    put(out, "name", event.name);
    put(out, "category", event.category);
    put(out, "params", params);
    out.EndObject();
  }
  out.EndArray();
  if (json) std::printf("%s\n", buffer.GetString());
  return 0;
}

int doctor(bool json) {
  using State = sensor::HostFact::State;
  rapidjson::StringBuffer buffer;
  Writer out(buffer);
  out.StartArray();
  bool missing = false;
  const bool colour = colour_wanted(STDOUT_FILENO);
  for (const sensor::HostFact& fact : sensor::probe_host()) {
    missing |= fact.state == State::kMissing;
    const char* word = fact.state == State::kGood ? "ok" : fact.state == State::kDegraded ? "note" : "MISSING";
    const char* tint = !colour                          ? ""
                       : fact.state == State::kGood     ? "\033[32m"
                       : fact.state == State::kDegraded ? "\033[33m"
                                                        : "\033[1;31m";
    if (json) {
      out.StartObject();
      put(out, "state", word);
      put(out, "what", fact.what);
      put(out, "detail", fact.detail);
      put(out, "way_out", fact.way_out);
      out.EndObject();
      continue;
    }
    fmt::print("{}{:<8}{}{:<22} {}\n", tint, word, colour ? "\033[0m" : "", fact.what, fact.detail);
    if (!fact.way_out.empty()) fmt::print("{:<8}-> {}\n", "", fact.way_out);
  }
  out.EndArray();
  if (json) std::printf("%s\n", buffer.GetString());
  return missing ? static_cast<int>(Fault::kHost) : 0;
}

int status(const std::string& run_dir, bool json) {
  auto reply = control::call(run_dir + "/tiercel.sock", "status");
  if (!reply) return report(reply.error());
  if (json)
    std::printf("%s\n", reply->c_str());
  else
    std::fputs(status_text(*reply, colour_wanted(STDOUT_FILENO)).c_str(), stdout);
  return 0;
}

}  // namespace tiercel::cli
