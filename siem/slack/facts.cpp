#include "siem/slack/facts.h"

#include <rapidjson/document.h>

#include <algorithm>
#include <string_view>

namespace tiercel::slack {
namespace {

using Json = rapidjson::Value;
// Nesting costs no stack, neither while reading nor at the end (the memory is a pool's).
constexpr unsigned kFlags = rapidjson::kParseIterativeFlag | rapidjson::kParseStopWhenDoneFlag;
constexpr size_t kListMax = 64;

const Json& member(const Json& object, const char* key) {
  static const Json kNull;
  if (!object.IsObject()) return kNull;
  const auto found = object.FindMember(key);
  return found == object.MemberEnd() ? kNull : found->value;
}

// A number beyond 32 bits is written as text; both read as its digits.
std::string text_of(const Json& value) {
  if (value.IsString()) return {value.GetString(), value.GetStringLength()};
  if (value.IsInt64()) return std::to_string(value.GetInt64());
  if (value.IsUint64()) return std::to_string(value.GetUint64());
  if (value.IsBool()) return value.GetBool() ? "true" : "false";
  return {};
}

std::vector<std::string> list_of(const Json& value) {
  std::vector<std::string> out;
  if (!value.IsArray()) return out;
  for (const Json& each : value.GetArray()) {
    if (out.size() == kListMax) break;
    if (each.IsString()) out.push_back(text_of(each));
  }
  return out;
}

bool digits(std::string_view text, size_t from, size_t count) {
  return std::all_of(text.begin() + static_cast<ptrdiff_t>(from), text.begin() + static_cast<ptrdiff_t>(from + count),
                     [](char c) { return c >= '0' && c <= '9'; });
}

// It becomes part of a link.
bool is_technique(std::string_view id) {
  if (id.size() != 5 && id.size() != 9) return false;
  if (id[0] != 'T' || !digits(id, 1, 4)) return false;
  return id.size() == 5 || (id[5] == '.' && digits(id, 6, 3));
}

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    const std::string_view word = text.substr(0, comma);
    if (!word.empty()) out.emplace_back(word);
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return out;
}

void read_process(const Json& tiercel, Facts& facts) {
  const Json& proc = member(tiercel, "proc");
  facts.process = text_of(member(proc, "name"));
  facts.exepath = text_of(member(proc, "exepath"));
  facts.cmdline = text_of(member(proc, "cmdline"));
  facts.script = text_of(member(proc, "script"));
  facts.pid = text_of(member(proc, "pid"));
  facts.cwd = text_of(member(proc, "cwd"));
  facts.parent = text_of(member(proc, "pname"));
  facts.pcmdline = text_of(member(proc, "pcmdline"));
  facts.above = list_of(member(proc, "ancestors"));
  facts.uncertain = member(proc, "uncertain").IsTrue();
  const Json& user = member(tiercel, "user");
  facts.user = text_of(member(user, "name"));
  facts.uid = text_of(member(user, "uid"));
  facts.loginuid = text_of(member(user, "loginuid"));
}

void read_descriptor(const Json& tiercel, Facts& facts) {
  const Json& fd = member(tiercel, "fd");
  facts.fd_type = text_of(member(fd, "type"));
  facts.fd_name = text_of(member(fd, "name"));
  facts.fd_realpath = text_of(member(fd, "realpath"));
  facts.l4proto = text_of(member(fd, "l4proto"));
  facts.client = text_of(member(fd, "cip"));
  facts.client_port = text_of(member(fd, "cport"));
  facts.server = text_of(member(fd, "sip"));
  facts.server_port = text_of(member(fd, "sport"));
  const Json& fs = member(tiercel, "fs");
  facts.first_path = text_of(member(fs, "first"));
  facts.second_path = text_of(member(fs, "second"));
}

void read_container(const Json& tiercel, Facts& facts) {
  const Json& container = member(tiercel, "container");
  facts.container = text_of(member(container, "name"));
  facts.container_id = text_of(member(container, "id"));
  facts.image = text_of(member(container, "image_repository"));
  const std::string tag = text_of(member(container, "image_tag"));
  if (!facts.image.empty() && !tag.empty()) facts.image += ":" + tag;
  facts.runtime = text_of(member(container, "type"));
  facts.privileged = member(container, "privileged").IsTrue();
  facts.unverified = member(container, "verified").IsFalse();
  const Json& k8s = member(tiercel, "k8s");
  facts.pod = text_of(member(k8s, "pod"));
  facts.pod_namespace = text_of(member(k8s, "ns"));
}

}  // namespace

Facts facts_of(const alert::Alert& alert) {
  rapidjson::Document document;
  document.Parse<kFlags>(alert.event_json.data(), alert.event_json.size());
  static const Json kNone;
  const Json& tiercel = document.HasParseError() ? kNone : member(document, "tiercel");
  Facts facts;
  facts.output = text_of(member(tiercel, "output"));
  facts.host = text_of(member(member(tiercel, "host"), "name"));
  facts.category = text_of(member(tiercel, "category"));
  facts.event = text_of(member(member(tiercel, "evt"), "type"));
  facts.result = text_of(member(member(tiercel, "evt"), "res"));
  read_process(tiercel, facts);
  read_descriptor(tiercel, facts);
  read_container(tiercel, facts);
  facts.techniques = list_of(member(member(tiercel, "mitre"), "technique"));
  if (facts.output.empty()) facts.output = alert.message;
  if (facts.process.empty()) facts.process = alert.process;
  if (facts.container.empty() && facts.container_id.empty()) facts.container = alert.container;
  if (facts.techniques.empty()) facts.techniques = split(alert.technique);
  std::erase_if(facts.techniques, [](const std::string& id) { return !is_technique(id); });
  return facts;
}

}  // namespace tiercel::slack
