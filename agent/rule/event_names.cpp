#include "agent/rule/event_names.h"

#include <algorithm>
#include <unordered_map>

#include "decoders/catalog.h"

namespace tiercel::rule {
namespace {

constexpr std::string_view kGenericParams = "ID:SYSCALLID nativeID:UINT16";

constexpr WaitingEvent kWaiting[] = {
#define WAITING_EVENT(name, category, params) {#name, #category, params},
#define GENERIC_SYSCALL(name) {#name, "OTHER", kGenericParams},
#include "agent/rule/waiting_events.def"
};

struct Names {
  std::unordered_map<std::string_view, size_t> events;
  size_t count = EVT_COUNT;
  std::unordered_map<std::string_view, std::string_view> parameters;
  std::vector<std::string_view> event_list, parameter_list;

  void add_event(std::string_view name) {
    if (events.try_emplace(name, count).second) ++count;
  }
  // "res:ERRNO fd:FD"
  void add_parameters(std::string_view list) {
    while (!list.empty()) {
      const size_t end = std::min(list.find(' '), list.size());
      const std::string_view pair = list.substr(0, end);
      const size_t colon = pair.find(':');
      parameters.try_emplace(pair.substr(0, colon), pair.substr(colon + 1));
      list.remove_prefix(std::min(end + 1, list.size()));
    }
  }
};

const Names& names() {
  static const Names made = [] {
    Names out;
    // Several events have a parameter of the same name; in Falco the first of its table decides, which may be one that
    // is not fed yet.
    out.add_parameters("data:BYTEBUF type:UINT32 uid:UID gid:GID key:INT32");
    for (const decoders::EventInfo& info : decoders::all_events()) {
      if (info.flags & decoders::EF_INTERNAL) continue;
      out.events.emplace(info.name, info.type);
      for (const decoders::ParamInfo& param : info.params)
        out.parameters.try_emplace(param.name, decoders::kind_info(param.kind).falco_type);
    }
#define WAITING_EVENT(name, category, params) \
  out.add_event(#name);                       \
  out.add_parameters(params);
#define GENERIC_SYSCALL(name) out.add_event(#name);
#include "agent/rule/waiting_events.def"
    out.add_parameters(kGenericParams);
    for (const auto& [name, number] : out.events) out.event_list.push_back(name);
    for (const auto& [name, type] : out.parameters) out.parameter_list.push_back(name);
    std::sort(out.event_list.begin(), out.event_list.end());
    std::sort(out.parameter_list.begin(), out.parameter_list.end());
    return out;
  }();
  return made;
}

}  // namespace

std::optional<size_t> event_number(std::string_view name) {
  auto it = names().events.find(name);
  if (it == names().events.end()) return std::nullopt;
  return it->second;
}

size_t event_number_count() {
  return names().count;
}

bool event_is_visible(size_t number) {
  if (number >= EVT_COUNT) return number < event_number_count();
  const decoders::EventInfo* info = decoders::event_info(static_cast<uint16_t>(number));
  return info && !(info->flags & decoders::EF_INTERNAL);
}

const std::vector<std::string_view>& event_type_names() {
  return names().event_list;
}

std::span<const WaitingEvent> waiting_events() {
  return kWaiting;
}

std::optional<std::string_view> parameter_type(std::string_view name) {
  auto it = names().parameters.find(name);
  if (it == names().parameters.end()) return std::nullopt;
  return it->second;
}

const std::vector<std::string_view>& parameter_names() {
  return names().parameter_list;
}

}  // namespace tiercel::rule
