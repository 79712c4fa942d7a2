#include "agent/report/facts.h"

#include <rapidjson/document.h>
#include <rapidjson/memorystream.h>

#include <charconv>

#include "agent/alert/report.h"

namespace tiercel::report {
namespace {

constexpr unsigned kCareful = rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag;
constexpr std::string_view kPrefix = "Tiercel internal: ";

const rapidjson::Value* member(const rapidjson::Value* object, const char* key) {
  if (object == nullptr || !object->IsObject()) return nullptr;
  const auto found = object->FindMember(key);
  return found == object->MemberEnd() ? nullptr : &found->value;
}

std::string text(const rapidjson::Value* value) {
  return value != nullptr && value->IsString() ? std::string(value->GetString(), value->GetStringLength())
                                               : std::string();
}

uint64_t number(const rapidjson::Value* value) {
  if (value == nullptr) return 0;
  if (value->IsUint64()) return value->GetUint64();
  uint64_t out = 0;
  const std::string digits = text(value);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), out);
  return error == std::errc() && end == digits.data() + digits.size() ? out : 0;
}

std::vector<std::string> texts(const rapidjson::Value* list) {
  std::vector<std::string> out;
  if (list == nullptr || !list->IsArray()) return out;
  for (const auto& one : list->GetArray())
    if (one.IsString()) out.push_back(text(&one));
  return out;
}

Kind kind_of(const Facts& facts, const std::string& source) {
  const std::string_view rule = facts.rule;
  if (source != alert::kInternalSource || !rule.starts_with(kPrefix)) return Kind::kAlert;
  const std::string_view what = rule.substr(kPrefix.size());
  return what == "response" ? Kind::kReceipt : what == "heartbeat" ? Kind::kHeartbeat : Kind::kNotice;
}

}  // namespace

std::optional<Facts> facts_of(std::string_view event_json) {
  rapidjson::Document document;
  rapidjson::MemoryStream stream(event_json.data(), event_json.size());
  document.ParseStream<kCareful, rapidjson::UTF8<>>(stream);
  if (document.HasParseError()) return std::nullopt;
  const rapidjson::Value* event = member(&document, "tiercel");
  Facts out;
  out.rule = text(member(event, "rule"));
  if (out.rule.empty()) return std::nullopt;
  if (const auto priority = priority_number(text(member(event, "priority"))))
    out.priority = static_cast<Priority>(*priority);
  out.kind = kind_of(out, text(member(event, "source")));
  out.category = text(member(event, "category"));
  if (out.category.empty()) out.category = out.kind == Kind::kAlert ? "other" : "the agent itself";
  out.message = text(member(event, "output"));
  out.host = text(member(member(event, "host"), "name"));
  const rapidjson::Value* container = member(event, "container");
  out.container = text(member(container, "name"));
  if (out.container.empty()) out.container = text(member(container, "id"));
  if (out.container.empty()) out.container = "host";
  const rapidjson::Value* mitre = member(event, "mitre");
  out.techniques = texts(member(mitre, "technique"));
  out.tactics = texts(member(mitre, "tactic"));
  const rapidjson::Value* field = member(event, "field");
  out.lost = number(member(field, "lost"));
  out.gap_ms = number(member(field, "gap_ms"));
  out.from = text(member(field, "from"));
  out.to = text(member(field, "to"));
  return out;
}

}  // namespace tiercel::report
