#include "decoders/catalog.h"

#include <array>
#include <type_traits>
#include <vector>

namespace tiercel::decoders {
namespace {

// No record may have padding that the compiler chose: it would carry kernel memory and move between compilers.
template <class T>
constexpr bool no_hidden_padding(size_t sum) {
  return std::is_trivially_copyable_v<T> && sizeof(T) == sum;
}
#define RECORD_BEGIN(record, ring, doc) static_assert(no_hidden_padding<ev_##record>(sizeof(ev_head)
#define FIELD(record, ctype, name, kind, doc) +sizeof(ctype)
#define ARRAY(record, ctype, name, count, kind, doc) +sizeof(ctype) * (count)
#define TEXT(record, name, kind, doc) +sizeof(text)
#define PAD(record, ctype, name) +sizeof(ctype)
#define RECORD_END(record) ), "hidden padding in ev_" #record);
#include "bpf/schema/events.def"

#define RECORD_BEGIN(record, ring, doc) constexpr FieldInfo kFields_##record[] = {
#define FIELD(record, ctype, name, kind, doc) \
  {#name, Kind::k##kind, offsetof(ev_##record, name), sizeof(ctype), false, doc},
#define ARRAY(record, ctype, name, count, kind, doc) \
  {#name, Kind::k##kind, offsetof(ev_##record, name), sizeof(ctype) * (count), false, doc},
#define TEXT(record, name, kind, doc) {#name, Kind::k##kind, offsetof(ev_##record, name), sizeof(text), true, doc},
#define RECORD_END(record) \
  }                        \
  ;
#include "bpf/schema/events.def"

constexpr Ring kRing_VITAL = Ring::kVital;
constexpr Ring kRing_BULK = Ring::kBulk;

#define RECORD_BEGIN(record, ring, doc) \
  constexpr RecordInfo kRecord_##record = {#record, kRing_##ring, sizeof(ev_##record), kFields_##record, doc};
#include "bpf/schema/events.def"

constexpr RecordInfo kRecords[] = {
#define RECORD_BEGIN(record, ring, doc) kRecord_##record,
#include "bpf/schema/events.def"
};

const std::vector<EventInfo>& events() {
  struct Built {
    std::vector<std::vector<std::string_view>> params;
    std::vector<EventInfo> infos;
  };
  static const Built built = [] {
    Built made;
    auto add = [&made](uint16_t type, std::string_view name, const RecordInfo* record, std::string_view category,
                       int flags, std::string_view params) {
      auto& list = made.params.emplace_back();
      while (!params.empty()) {
        size_t end = params.find(' ');
        list.push_back(params.substr(0, end));
        params.remove_prefix(end == std::string_view::npos ? params.size() : end + 1);
      }
      made.infos.push_back({type, name, record, category, static_cast<uint8_t>(flags), {}});
    };
#define EVENT(name, record, category, flags, params) \
  add(EVT_##name, #name, &kRecord_##record, #category, flags, params);
#include "bpf/schema/events.def"
    for (size_t i = 0; i < made.infos.size(); ++i) made.infos[i].params = made.params[i];
    return made;
  }();
  return built.infos;
}

constexpr KindInfo kKinds[] = {
#define KIND(name, falco_type, cls, table) {#name, falco_type, KindClass::cls},
#include "decoders/kinds.def"
};

}  // namespace

const KindInfo& kind_info(Kind kind) {
  return kKinds[static_cast<size_t>(kind)];
}

const EventInfo* event_info(uint16_t type) {
  return type == EVT_NONE || type >= EVT_COUNT ? nullptr : &events()[type - 1u];
}

const EventInfo* event_by_name(std::string_view falco_name) {
  for (const EventInfo& info : events())
    if (info.name == falco_name) return &info;
  return nullptr;
}

std::span<const EventInfo> all_events() {
  return events();
}
std::span<const RecordInfo> all_records() {
  return kRecords;
}

const FieldInfo* field_of(const RecordInfo& record, std::string_view name) {
  for (const FieldInfo& field : record.fields)
    if (field.name == name) return &field;
  return nullptr;
}

}  // namespace tiercel::decoders
