// tiercel fields | events | operators | codes | doctor | status
#include <fmt/core.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <unistd.h>

#include <cstdio>

#include "agent/cli/commands.h"
#include "agent/cli/reference_page.h"
#include "agent/control/control_client.h"
#include "agent/sensor/host.h"
#include "agent/status.h"

namespace tiercel::cli {
namespace {

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

void put(Writer& out, const char* key, std::string_view value) {
  out.Key(key);
  out.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
}

}  // namespace

int reference(const std::string& page, const std::string& format) {
  const Page made = page == "fields"      ? fields_page()
                    : page == "events"    ? events_page()
                    : page == "operators" ? operators_page()
                                          : codes_page();
  std::fputs(render(made, page_format(format).value_or(PageFormat::kText)).c_str(), stdout);
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
