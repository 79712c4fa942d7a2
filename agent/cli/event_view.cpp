#include "agent/cli/event_view.h"

#include "agent/alert/json.h"

namespace tiercel::cli {
namespace {

std::string text_of(const rapidjson::Value& value) {
  std::string out;
  if (value.IsString()) {
    alert::append_escaped(out, {value.GetString(), value.GetStringLength()});
  } else if (value.IsBool()) {
    out = value.GetBool() ? "true" : "false";
  } else if (value.IsInt64()) {
    out = std::to_string(value.GetInt64());
  } else if (value.IsUint64()) {
    out = std::to_string(value.GetUint64());
  } else if (value.IsArray()) {
    for (const auto& item : value.GetArray()) out += (out.empty() ? "" : ",") + text_of(item);
  }
  return out;
}

void add_leaves(std::vector<std::pair<std::string, std::string>>& out, const std::string& before,
                const rapidjson::Value& object, int depth) {
  constexpr int kDepthMax = 8;
  for (const auto& member : object.GetObject()) {
    std::string name = before;
    alert::append_escaped(name, {member.name.GetString(), member.name.GetStringLength()});
    if (member.value.IsObject() && depth < kDepthMax)
      add_leaves(out, name + ".", member.value, depth + 1);
    else
      out.emplace_back(std::move(name), text_of(member.value));
  }
}

}  // namespace

EventView::EventView(std::string_view json) {
  document_.Parse<rapidjson::kParseIterativeFlag>(json.data(), json.size());
  valid_ = !json.empty() && !document_.HasParseError() && document_.IsObject();
  if (!valid_) return;
  const auto ours = document_.FindMember("tiercel");
  root_ = ours != document_.MemberEnd() && ours->value.IsObject() ? &ours->value : &document_;
}

const rapidjson::Value* EventView::find(std::initializer_list<const char*> path) const {
  const rapidjson::Value* at = root_;
  for (const char* key : path) {
    if (at == nullptr || !at->IsObject()) return nullptr;
    const auto member = at->FindMember(key);
    at = member == at->MemberEnd() ? nullptr : &member->value;
  }
  return at;
}

std::string EventView::text(std::initializer_list<const char*> path) const {
  const rapidjson::Value* value = find(path);
  return value == nullptr ? "" : text_of(*value);
}

std::vector<std::string> EventView::list(std::initializer_list<const char*> path) const {
  std::vector<std::string> out;
  if (const rapidjson::Value* value = find(path); value != nullptr && value->IsArray())
    for (const auto& item : value->GetArray()) out.push_back(text_of(item));
  return out;
}

std::string EventView::container() const {
  const std::string name = text({"container", "name"});
  return name.empty() ? text({"container", "id"}) : name;
}

std::vector<std::pair<std::string, std::string>> EventView::leaves() const {
  std::vector<std::pair<std::string, std::string>> out;
  if (root_ != nullptr) add_leaves(out, "", *root_, 0);
  return out;
}

}  // namespace tiercel::cli
