#include "agent/response/command.h"

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <charconv>

namespace tiercel::response {
namespace {

using Json = rapidjson::Value;
constexpr size_t kExtraArgsMax = 64;
constexpr size_t kTextBytesMax = 4096;
constexpr unsigned kFlags = rapidjson::kParseIterativeFlag;

bool parse_object(rapidjson::Document& document, std::string_view text) {
  document.Parse<kFlags>(text.data(), text.size());
  return !document.HasParseError() && document.IsObject();
}

const Json& member(const Json& object, const char* key) {
  static const Json kNull;
  if (!object.IsObject()) return kNull;
  const auto found = object.FindMember(key);
  return found == object.MemberEnd() ? kNull : found->value;
}

// Ends at a NUL, which no name or address holds.
std::string text_of(const Json& value) {
  if (!value.IsString()) return {};
  const std::string_view text(value.GetString(), value.GetStringLength());
  return std::string(text.substr(0, std::min(text.find('\0'), kTextBytesMax)));
}

// The manager writes every leaf of our event as text; in the event itself they are numbers.
template <class N>
std::optional<N> number_of(const Json& value) {
  if (value.IsUint64()) {
    const uint64_t number = value.GetUint64();
    if (number > static_cast<uint64_t>(std::numeric_limits<N>::max())) return std::nullopt;
    return static_cast<N>(number);
  }
  const std::string text = text_of(value);
  N number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

Cause cause_of(const Json& alert) {
  const Json& data = member(alert, "data");
  const Json& tiercel = member(data, "tiercel");
  const Json& process = member(tiercel, "proc");
  const Json& container = member(tiercel, "container");
  Cause cause;
  cause.alert_id = text_of(member(tiercel, "id"));
  if (cause.alert_id.empty()) cause.alert_id = text_of(member(alert, "id"));
  cause.rule = text_of(member(tiercel, "rule"));
  if (cause.rule.empty()) cause.rule = text_of(member(member(alert, "rule"), "description"));
  cause.pid = number_of<int32_t>(member(process, "pid"));
  cause.start_ns = number_of<uint64_t>(member(process, "start_ns"));
  cause.process = text_of(member(process, "name"));
  cause.srcip = text_of(member(data, "srcip"));
  cause.dstip = text_of(member(data, "dstip"));
  cause.srcuser = text_of(member(data, "srcuser"));
  cause.dstuser = text_of(member(data, "dstuser"));
  cause.in_container = container.IsObject();
  cause.container_id = text_of(member(container, "full_id"));
  cause.container_name = text_of(member(container, "name"));
  return cause;
}

Json json_text(std::string_view text, rapidjson::Document::AllocatorType& allocator) {
  return Json(text.data(), static_cast<rapidjson::SizeType>(text.size()), allocator);
}

std::string compact(const Json& value) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  value.Accept(writer);
  return {buffer.GetString(), buffer.GetSize()};
}

void set_member(rapidjson::Document& document, Json& object, const char* key, Json value) {
  if (object.HasMember(key))
    object[key] = value;
  else
    object.AddMember(json_text(key, document.GetAllocator()), value, document.GetAllocator());
}

std::string script_says(std::string_view script, std::string_view command, rapidjson::Document& document,
                        Json parameters) {
  auto& allocator = document.GetAllocator();
  Json origin(rapidjson::kObjectType);
  origin.AddMember("name", json_text(script, allocator), allocator);
  origin.AddMember("module", "active-response", allocator);
  Json line(rapidjson::kObjectType);
  line.AddMember("version", 1, allocator);
  line.AddMember("origin", origin, allocator);
  line.AddMember("command", json_text(command, allocator), allocator);
  line.AddMember("parameters", parameters, allocator);
  return compact(line);
}

}  // namespace

bool is_plain_name(std::string_view name) {
  if (name.empty() || name.size() > kNameBytesMax || name.front() == '.' || name.front() == '-') return false;
  if (name.find("..") != std::string_view::npos) return false;
  return std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < 0x7f && c != '/' && c != '\\'; });
}

Result<Command> parse_command(std::string_view json) {
  if (json.size() > kCommandBytesMax) return fail("the command is longer than 128 KiB", Fault::kUser);
  rapidjson::Document document;
  if (!parse_object(document, json)) return fail("the command is not one JSON object", Fault::kUser);
  const Json& version = member(document, "version");
  if (!version.IsInt() || version.GetInt() != 1)
    return fail("the command's version is not 1, the only one that this agent knows", Fault::kUser);
  Command command;
  const Json& name = member(document, "command");
  if (name.IsString()) command.name.assign(name.GetString(), name.GetStringLength());
  if (command.name.starts_with('!')) {
    command.direct = true;
    command.name.erase(0, 1);
  }
  if (!is_plain_name(command.name))
    return fail("the command's name is missing, or holds a slash, '..' or what is no letter", Fault::kUser);
  const Json& parameters = member(document, "parameters");
  if (!parameters.IsObject()) return fail("the command has no parameters", Fault::kUser);
  const Json& extra = member(parameters, "extra_args");
  if (extra.IsArray())
    for (const Json& argument : extra.GetArray())
      if (argument.IsString() && command.extra_args.size() < kExtraArgsMax)
        command.extra_args.push_back(text_of(argument));
  command.cause = cause_of(member(parameters, "alert"));
  return command;
}

Cause parse_cause(std::string_view json) {
  rapidjson::Document document;
  if (json.size() > kCommandBytesMax || !parse_object(document, json)) return {};
  return cause_of(member(member(document, "parameters"), "alert"));
}

std::string script_message(std::string_view json, std::string_view verb, std::string_view program) {
  rapidjson::Document document;
  if (!parse_object(document, json)) return {};
  auto& allocator = document.GetAllocator();
  const std::string sender = text_of(member(member(document, "origin"), "name"));
  Json origin(rapidjson::kObjectType);
  origin.AddMember("name", json_text(sender, allocator), allocator);
  origin.AddMember("module", "wazuh-execd", allocator);  // some scripts compare it
  set_member(document, document, "origin", std::move(origin));
  set_member(document, document, "command", json_text(verb, allocator));
  if (document.HasMember("parameters") && document["parameters"].IsObject())
    set_member(document, document["parameters"], "program", json_text(program, allocator));
  return compact(document);
}

std::string with_verb(std::string_view message, std::string_view verb) {
  rapidjson::Document document;
  if (!parse_object(document, message)) return {};
  set_member(document, document, "command", json_text(verb, document.GetAllocator()));
  return compact(document);
}

ScriptLine parse_script_line(std::string_view line) {
  ScriptLine out;
  rapidjson::Document document;
  if (line.size() > kScriptLineBytesMax || !parse_object(document, line)) return out;
  const std::string command = text_of(member(document, "command"));
  const Json& parameters = member(document, "parameters");
  if (command == "check_keys") {
    out.keys.emplace();
    const Json& keys = member(parameters, "keys");
    if (keys.IsArray())
      for (const Json& key : keys.GetArray())
        if (out.keys->size() < kKeysMax) out.keys->push_back(text_of(key));
  } else if (command == "result") {
    const std::string result = text_of(member(parameters, "result"));
    if (result == "done" || result == "refused" || result == "failed") out.result = result;
    out.reason = text_of(member(parameters, "reason"));
  }
  return out;
}

std::string check_keys_line(std::string_view script, const std::vector<std::string>& keys) {
  rapidjson::Document document;
  auto& allocator = document.GetAllocator();
  Json list(rapidjson::kArrayType);
  for (const std::string& key : keys) list.PushBack(json_text(key, allocator), allocator);
  Json parameters(rapidjson::kObjectType);
  parameters.AddMember("keys", list, allocator);
  return script_says(script, "check_keys", document, std::move(parameters));
}

std::string result_line(std::string_view script, std::string_view result, std::string_view reason) {
  rapidjson::Document document;
  auto& allocator = document.GetAllocator();
  Json parameters(rapidjson::kObjectType);
  parameters.AddMember("result", json_text(result, allocator), allocator);
  parameters.AddMember("reason", json_text(reason, allocator), allocator);
  return script_says(script, "result", document, std::move(parameters));
}

}  // namespace tiercel::response
