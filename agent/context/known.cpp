#include "agent/context/known.h"

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "decoders/encode.h"

namespace tiercel::context {
namespace {

using rapidjson::Document;
using rapidjson::Value;
using Allocator = Document::AllocatorType;

struct TextMember {
  const char* name;
  std::string Container::*member;
};
constexpr TextMember kTexts[] = {{"id", &Container::id},
                                 {"full_id", &Container::full_id},
                                 {"type", &Container::type},
                                 {"name", &Container::name},
                                 {"image", &Container::image},
                                 {"image_repository", &Container::image_repository},
                                 {"image_tag", &Container::image_tag},
                                 {"image_digest", &Container::image_digest},
                                 {"image_id", &Container::image_id},
                                 {"user", &Container::user},
                                 {"hostname", &Container::hostname},
                                 {"ip", &Container::ip},
                                 {"cni_json", &Container::cni_json},
                                 {"pod_name", &Container::pod_name},
                                 {"pod_namespace", &Container::pod_namespace},
                                 {"pod_uid", &Container::pod_uid},
                                 {"sandbox_id", &Container::sandbox_id},
                                 {"pod_ip", &Container::pod_ip},
                                 {"pod_cni_json", &Container::pod_cni_json}};
struct FlagMember {
  const char* name;
  std::optional<bool> Container::*member;
};
constexpr FlagMember kFlags[] = {{"privileged", &Container::privileged},
                                 {"host_pid", &Container::host_pid},
                                 {"host_network", &Container::host_network},
                                 {"host_ipc", &Container::host_ipc}};
struct SureMember {
  const char* name;
  bool Container::*member;
};
constexpr SureMember kSure[] = {{"sandbox", &Container::sandbox},
                                {"known", &Container::known},
                                {"verified", &Container::verified},
                                {"cut", &Container::cut}};
struct WordsMember {
  const char* name;
  std::vector<std::string> Container::*member;
};
constexpr WordsMember kWords[] = {{"entrypoint", &Container::entrypoint}, {"healthcheck", &Container::healthcheck}};
struct LabelsMember {
  const char* name;
  container::Labels Container::*member;
};
constexpr LabelsMember kLabels[] = {{"labels", &Container::labels}, {"pod_labels", &Container::pod_labels}};
constexpr size_t kMountTexts = 4;

Value json_text(const std::string& text, Allocator& allocator) {
  return Value(text.data(), static_cast<rapidjson::SizeType>(text.size()), allocator);
}

Value to_json(const Container& c, bool with_lists, Allocator& a) {
  Value out(rapidjson::kObjectType);
  auto add = [&](const char* name, Value value) { out.AddMember(rapidjson::StringRef(name), value, a); };
  for (const auto& [name, member] : kTexts)
    if (!(c.*member).empty()) add(name, json_text(c.*member, a));
  for (const auto& [name, member] : kFlags)
    if (c.*member) add(name, Value(*(c.*member)));
  for (const auto& [name, member] : kSure)
    if (c.*member) add(name, Value(true));
  if (c.capabilities) add("capabilities", Value(*c.capabilities));
  if (c.missing != 0) add("missing", Value(c.missing));
  if (c.created_ns != 0) add("created_ns", Value(c.created_ns));
  if (!with_lists) return out;
  for (const auto& [name, member] : kWords) {
    Value list(rapidjson::kArrayType);
    for (const std::string& word : c.*member) list.PushBack(json_text(word, a), a);
    if (!list.Empty()) add(name, std::move(list));
  }
  for (const auto& [name, member] : kLabels) {
    Value map(rapidjson::kObjectType);
    for (const auto& [key, value] : c.*member) map.AddMember(json_text(key, a), json_text(value, a), a);
    if (map.MemberCount() > 0) add(name, std::move(map));
  }
  Value mounts(rapidjson::kArrayType);
  for (const container::Mount& mount : c.mounts) {
    Value one(rapidjson::kArrayType);
    for (const std::string* text : {&mount.source, &mount.dest, &mount.mode, &mount.propagation})
      one.PushBack(json_text(*text, a), a);
    one.PushBack(mount.rdwr, a);
    mounts.PushBack(one, a);
  }
  if (!mounts.Empty()) add("mounts", std::move(mounts));
  return out;
}

const Value* member_of(const Value& object, const char* name) {
  const auto it = object.FindMember(name);
  return it == object.MemberEnd() ? nullptr : &it->value;
}

std::string text_of(const Value& value) {
  return value.IsString() ? std::string(value.GetString(), value.GetStringLength()) : std::string();
}

std::string text_at(const Value& object, const char* name) {
  const Value* value = member_of(object, name);
  return value ? text_of(*value) : std::string();
}

Container from_json(const Value& object) {
  Container out;
  for (const auto& [name, member] : kTexts) out.*member = text_at(object, name);
  for (const auto& [name, member] : kFlags)
    if (const Value* value = member_of(object, name); value && value->IsBool()) out.*member = value->GetBool();
  for (const auto& [name, member] : kSure)
    if (const Value* value = member_of(object, name); value && value->IsBool()) out.*member = value->GetBool();
  if (const Value* value = member_of(object, "capabilities"); value && value->IsUint64())
    out.capabilities = value->GetUint64();
  if (const Value* value = member_of(object, "missing"); value && value->IsUint()) out.missing = value->GetUint();
  if (const Value* value = member_of(object, "created_ns"); value && value->IsUint64())
    out.created_ns = value->GetUint64();
  for (const auto& [name, member] : kWords)
    if (const Value* list = member_of(object, name); list && list->IsArray())
      for (const Value& word : list->GetArray()) (out.*member).push_back(text_of(word));
  for (const auto& [name, member] : kLabels)
    if (const Value* map = member_of(object, name); map && map->IsObject())
      for (const auto& entry : map->GetObject()) (out.*member).emplace_back(text_of(entry.name), text_of(entry.value));
  const Value* mounts = member_of(object, "mounts");
  if (!mounts || !mounts->IsArray()) return out;
  for (const Value& one : mounts->GetArray()) {
    if (!one.IsArray() || one.Size() != kMountTexts + 1 || !one[kMountTexts].IsBool()) continue;
    out.mounts.push_back(
        {text_of(one[0]), text_of(one[1]), text_of(one[2]), one[kMountTexts].GetBool(), text_of(one[3])});
  }
  return out;
}

std::string one_line(std::string text) {  // a field of passwd
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == ':' || c == '\n'; }, '_');
  return text;
}

}  // namespace

bool Knowledge::take_user(Told& told, uint32_t uid, const User* user) const {
  if (!told.uids.insert(uid).second || !user) return false;
  told.passwd += fmt::format("{}:x:{}:{}::{}:{}\n", one_line(user->name), uid, user->gid, one_line(user->home),
                             one_line(user->shell));
  return true;
}

bool Knowledge::take_group(Told& told, uint32_t gid, const std::string* name) const {
  if (!told.gids.insert(gid).second || !name) return false;
  told.group += fmt::format("{}:x:{}:\n", one_line(*name), gid);
  return true;
}

void Knowledge::tell_before(std::span<const std::byte> bytes, const Handler& handler) {
  const auto record = decoders::Record::parse(bytes);
  if (!record || record->as<ev_cgroup>() || record->as<ev_known>()) return;
  const ev_head& head = record->head();
  Told& host = told_[0];
  bool host_news = take_user(host, head.loginuid, users_.user(head.loginuid));
  auto process = table_.find({head.pid, head.start_ns});
  const bool contained = process && process->container && process->container->facts;
  if (!contained) {
    host_news |= take_user(host, head.uid, users_.user(head.uid));
    host_news |= take_group(host, head.gid, users_.group(head.gid));
  }
  if (host_news) tell(0, host, handler);
  if (!contained) return;
  KnownContainer& known = *process->container;
  Told& told = told_[process->cgroup_id];
  bool news = told.facts != known.facts;
  told.facts = known.facts;
  news |= take_user(told, head.uid, containers_.user(known, head.uid));
  news |= take_group(told, head.gid, containers_.group(known, head.gid));
  if (news) tell(process->cgroup_id, told, handler);
}

void Knowledge::tell(uint64_t cgroup_id, const Told& told, const Handler& handler) const {
  auto json_of = [&](bool with_lists) {
    Document document(rapidjson::kObjectType);
    Allocator& a = document.GetAllocator();
    if (told.facts) document.AddMember("container", to_json(*told.facts, with_lists, a), a);
    document.AddMember("passwd", json_text(told.passwd, a), a);
    document.AddMember("group", json_text(told.group, a), a);
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
    document.Accept(writer);
    return std::string(buffer.GetString(), buffer.GetSize());
  };
  decoders::RecordBuilder<ev_known> record(EVT_known);
  record->id = cgroup_id;
  std::string json = json_of(true);
  if (json.size() > TIERCEL_RECORD_MAX - sizeof(ev_known)) json = json_of(false);
  record.set_text(&ev_known::json, json);
  handler(record.bytes());
}

void recall(uint64_t cgroup_id, std::string_view json, Containers& containers, Users& users) {
  Document document;
  document.Parse<rapidjson::kParseIterativeFlag>(json.data(), json.size());
  if (document.HasParseError() || !document.IsObject()) return;
  container::UserNames names(text_at(document, "passwd"), text_at(document, "group"));
  if (cgroup_id == 0) return users.recall(std::move(names));
  const Value* container = member_of(document, "container");
  if (!container || !container->IsObject()) return;
  containers.recall(cgroup_id, std::make_shared<const Container>(from_json(*container)),
                    std::make_shared<const UserNames>(std::move(names)));
}

}  // namespace tiercel::context
