#include "agent/cli/alert_line.h"

#include <fmt/core.h>
#include <rapidjson/document.h>

#include "agent/alert/json.h"
#include "agent/base/time_text.h"

namespace tiercel::cli {
namespace {

const rapidjson::Value* find(const rapidjson::Value& root, std::initializer_list<const char*> path) {
  const rapidjson::Value* at = &root;
  for (const char* key : path) {
    if (!at->IsObject()) return nullptr;
    auto it = at->FindMember(key);
    if (it == at->MemberEnd()) return nullptr;
    at = &it->value;
  }
  return at;
}

// What came over a network goes to a terminal only with its control characters escaped.
std::string text(const rapidjson::Value& root, std::initializer_list<const char*> path) {
  const rapidjson::Value* at = find(root, path);
  std::string out;
  if (at && at->IsString())
    alert::append_escaped(out, {at->GetString(), at->GetStringLength()});
  else if (at && at->IsUint64())
    out = std::to_string(at->GetUint64());
  else if (at && at->IsArray())
    for (const auto& item : at->GetArray())
      if (item.IsString()) {
        if (!out.empty()) out += ',';
        alert::append_escaped(out, {item.GetString(), item.GetStringLength()});
      }
  return out;
}

const char* tint(const std::string& priority) {
  if (priority == "Emergency" || priority == "Alert" || priority == "Critical") return "\033[1;31m";
  if (priority == "Error") return "\033[31m";
  if (priority == "Warning") return "\033[33m";
  if (priority == "Notice") return "\033[36m";
  return "\033[2m";
}

}  // namespace

std::string alert_line(const wazuh::DevEvent& event, bool colour) {
  const std::string_view json = wazuh::tiercel_json(event);
  rapidjson::Document d;
  if (json.empty() || d.Parse<rapidjson::kParseIterativeFlag>(json.data(), json.size()).HasParseError()) {
    std::string plain;
    alert::append_escaped(plain, event.text);
    return fmt::format("{} {:<13} {}", time_local(event.received_ns), "-", plain);
  }
  auto part = [&d](std::initializer_list<const char*> path) {
    return text(d.HasMember("tiercel") ? d["tiercel"] : d, path);
  };
  const std::string priority = part({"priority"});
  std::string when = part({"time"});
  if (when.size() >= 23) when = when.substr(11, 12);  // 2026-07-31T18:27:01.123456789Z -> 18:27:01.123
  std::string out = fmt::format("{} {}{:<13}{} {}", when, colour ? tint(priority) : "", priority,
                                colour ? "\033[0m" : "", part({"rule"}));
  if (std::string technique = part({"mitre", "technique"}); !technique.empty()) out += " [" + technique + "]";
  if (std::string name = part({"proc", "name"}); !name.empty()) {
    out += fmt::format("\n             process {}({})", name, part({"proc", "pid"}));
    if (std::string parent = part({"proc", "pname"}); !parent.empty()) out += " < " + parent;
    std::string container = part({"container", "name"});
    if (container.empty()) container = part({"container", "id"});
    out += container.empty() ? ", on the host"
                             : fmt::format(", container {} ({})", container, part({"container", "image_repository"}));
  }
  return out + "\n             " + part({"output"});
}

}  // namespace tiercel::cli
