#include <rapidjson/reader.h>

#include "agent/alert/json.h"
#include "agent/base/time_text.h"
#include "siem/wazuh/manager/dev_manager.h"
#include "siem/wazuh/merged.h"

namespace tiercel::wazuh {
namespace {

constexpr std::string_view kDecoderPrefix = "tiercel: ";

bool is_json_object_on_one_line(std::string_view text) {
  if (!text.starts_with('{') || text.find('\n') != std::string_view::npos || text.find('\0') != std::string_view::npos)
    return false;
  rapidjson::Reader reader;
  rapidjson::MemoryStream stream(text.data(), text.size());
  rapidjson::BaseReaderHandler<> nothing;
  return !reader.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag>(stream, nothing)
              .IsError();
}

}  // namespace

std::string_view tiercel_json(const DevEvent& event) {
  const std::string_view text = event.text;
  if (!text.starts_with(kDecoderPrefix)) return {};
  const std::string_view json = text.substr(kDecoderPrefix.size());
  return is_json_object_on_one_line(json) ? json : std::string_view();
}

std::string dev_event_json(const DevEvent& event) {
  const std::string_view json = tiercel_json(event);
  std::string line = R"({"received":)" + alert::json_string(iso8601_z(event.received_ns));
  line += R"(,"connection":)" + std::to_string(event.connection) + R"(,"frame":)" + std::to_string(event.frame);
  line += R"(,"agent":{"id":)" + alert::json_string(event.agent_id);
  line += R"(,"name":)" + alert::json_string(event.agent_name);
  line += R"(},"location":)" + alert::json_string(event.location);
  line += json.empty() ? R"(,"decoder":null,"event":)" : R"(,"decoder":"tiercel","event":)";
  if (json.empty())
    alert::append_json_string(line, event.text);
  else
    line += json;
  line += '}';
  return line;
}

std::string make_merged_file(std::string_view group, std::string_view ar_conf,
                             const std::vector<std::pair<std::string, std::string>>& files) {
  std::vector<MergedFile> all{{"ar.conf", ar_conf}};
  for (const auto& [name, content] : files) all.push_back({name, content});
  return format_merged(group, all);
}

}  // namespace tiercel::wazuh
