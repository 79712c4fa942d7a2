#include "agent/rule/fields.h"

#include <algorithm>
#include <charconv>
#include <unordered_map>
#include <vector>

#include "agent/rule/accessors.h"
#include "agent/rule/event_names.h"
#include "agent/rule/names.h"
#include "agent/rule/static_fields.h"

namespace tiercel::rule {
namespace {

constexpr std::string_view kTypeTexts[] = {"INT16",  "INT32",   "INT64",   "UINT16", "UINT32",  "UINT64", "BOOL",
                                           "DOUBLE", "RELTIME", "ABSTIME", "PORT",   "CHARBUF", "FSPATH", "BYTEBUF",
                                           "IPADDR", "IPNET",   "DYN",     "OPAQUE", "PRIORITY"};

using enum Type;
using enum Print;
constexpr FieldInfo kFields[] = {
#define FIELD(name, type, print, flags, accessor, cost, doc) \
  {name, type, print, flags, accessors::accessor, "", cost, doc},
#define UNFED(name, type, print, flags, waits_for, doc) {name, type, print, flags, nullptr, waits_for, 1, doc},
#define WAITING(name, type, print, flags, accessor, cost, waits_for, doc) \
  {name, type, print, flags, accessors::accessor, waits_for, cost, doc},
#define ALERT(name, type, print, flags, accessor, doc) \
  {name, type, print, flags, nullptr, "", 1, doc, accessors::accessor},
#include "agent/rule/fields.def"
};

const std::unordered_map<std::string_view, const FieldInfo*>& by_name() {
  static const auto map = [] {
    std::unordered_map<std::string_view, const FieldInfo*> out;
    for (const FieldInfo& field : kFields) out.emplace(field.name, &field);
    return out;
  }();
  return map;
}

FieldArg make_arg(std::string_view text) {
  FieldArg arg{true, std::string(text), -1};
  int64_t index = 0;
  auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), index);
  if (!text.empty() && code == std::errc() && end == text.data() + text.size() && index >= 0) arg.index = index;
  return arg;
}

}  // namespace

std::string_view type_text(Type type) {
  return kTypeTexts[static_cast<size_t>(type)];
}

std::span<const FieldInfo> all_fields() {
  return kFields;
}

const FieldInfo* field_by_name(std::string_view name) {
  auto it = by_name().find(name);
  return it == by_name().end() ? nullptr : it->second;
}

FieldName resolve_field(std::string_view name, bool has_arg, std::string_view arg) {
  FieldName out;
  out.info = field_by_name(name);
  if (out.info) {
    if (has_arg) out.arg = make_arg(arg);
    return out;
  }
  if (has_arg) return out;
  for (size_t dot = name.rfind('.'); dot != std::string_view::npos && dot > 0; dot = name.rfind('.', dot - 1)) {
    const FieldInfo* field = field_by_name(name.substr(0, dot));
    if (!field) continue;
    if (!field->has(FF_ARG_REQUIRED) && !field->has(FF_ARG_OPTIONAL)) return out;
    out.info = field;
    out.arg = make_arg(name.substr(dot + 1));
    return out;
  }
  return out;
}

std::string argument_error(const FieldName& field, std::string_view written) {
  const FieldInfo& info = *field.info;
  const std::string name(written);
  if (!field.arg.given) return info.has(FF_ARG_REQUIRED) ? "filter '" + name + "' requires an argument" : "";
  if (!info.has(FF_ARG_REQUIRED) && !info.has(FF_ARG_OPTIONAL))
    return "filter '" + name + "' does not take an argument";
  if (info.has(FF_ARG_INDEX) && field.arg.index < 0)
    return "filter '" + name + "': the argument '" + field.arg.text + "' is not a valid index";
  if (info.name == "evt.arg" || info.name == "evt.rawarg") {
    const bool index = field.arg.index >= 0 && info.name == "evt.arg";
    if (!index && !parameter_type(field.arg.text)) return "unknown event argument '" + field.arg.text + "'";
  }
  if (info.name == "evt.type.is" && !event_number(field.arg.text)) return "unknown event type " + field.arg.text;
  if (info.name == "static" && static_field(field.arg.text) == nullptr)
    return "filter_check called with nonexistent field static." + field.arg.text;
  if (info.name == "evt.abspath" && field.arg.text != "src" && field.arg.text != "dst")
    return "filter '" + name + "': the argument is src or dst";
  return "";
}

std::string suggest_field(std::string_view name, bool of_alert) {
  static constexpr std::pair<std::string_view, std::string_view> kNeverWere[] = {
      {"fd.dport", "fd.sport"},
      {"fd.dip", "fd.sip"},
      {"container.image.name", "container.image.repository"},
      {"proc.path", "proc.exepath"},
      {"evt.arg.filename", "evt.arg.name"},
      {"proc.parent.name", "proc.pname"},
      {"process.name", "proc.name"},
      {"user.id", "user.uid"},
      {"k8s.namespace.name", "k8s.ns.name"},
      {"proc.uid", "user.uid"},
      {"fd.path", "fd.name"},
      {"k8s.namespace", "k8s.ns.name"}};
  for (const auto& [wrong, right] : kNeverWere)
    if (name == wrong) return std::string(right);
  std::vector<std::string_view> candidates;
  for (const FieldInfo& field : kFields)
    if (!field.has(FF_TABLE_ONLY) && (of_alert || !field.of_alert)) candidates.push_back(field.name);
  return nearest(name, candidates);
}

std::string_view longest_field_prefix(std::string_view text) {
  size_t end = 0;
  auto word = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
  };
  while (end < text.size() && word(text[end])) ++end;
  for (; end > 0; --end)
    if (field_by_name(text.substr(0, end))) return text.substr(0, end);
  return {};
}

}  // namespace tiercel::rule
