#include "decoders/catalog.h"

#include <array>
#include <cstdlib>
#include <type_traits>
#include <vector>

#include "decoders/derived.h"

namespace tiercel::decoders {
namespace {

// No record may have padding that the compiler chose: it would carry kernel memory and move between compilers.
template <class T>
constexpr bool no_hidden_padding(size_t sum) {
  return std::is_trivially_copyable_v<T> && sizeof(T) == sum;
}
#define RECORD_BEGIN(record, doc) static_assert(no_hidden_padding<ev_##record>(sizeof(ev_head)
#define FIELD(record, ctype, name, kind, doc) +sizeof(ctype)
#define ARRAY(record, ctype, name, count, kind, doc) +sizeof(ctype) * (count)
#define TEXT(record, name, kind, doc) +sizeof(text)
#define PAD(record, ctype, name) +sizeof(ctype)
#define RECORD_END(record) ), "hidden padding in ev_" #record);
#include "bpf/schema/events.def"

#define RECORD_BEGIN(record, doc) constexpr FieldInfo kFields_##record[] = {
#define FIELD(record, ctype, name, kind, doc) \
  {#name, Kind::k##kind, offsetof(ev_##record, name), sizeof(ctype), false, doc},
#define ARRAY(record, ctype, name, count, kind, doc) \
  {#name, Kind::k##kind, offsetof(ev_##record, name), sizeof(ctype) * (count), false, doc},
#define TEXT(record, name, kind, doc) {#name, Kind::k##kind, offsetof(ev_##record, name), sizeof(text), true, doc},
#define RECORD_END(record) \
  }                        \
  ;
#include "bpf/schema/events.def"

constexpr uint16_t part_at(std::span<const FieldInfo> fields, std::string_view first) {
  for (const FieldInfo& field : fields)
    if (field.name == first) return field.offset;
  return 0;
}
// The part's own first and last fields tell it from single fields of the same name.
constexpr uint16_t part_at(std::span<const FieldInfo> fields, std::string_view first, std::string_view last) {
  return part_at(fields, last) != 0 ? part_at(fields, first) : uint16_t{0};
}

#define RECORD_BEGIN(record, doc)                                                           \
  constexpr RecordInfo kRecord_##record = {#record,                                         \
                                           sizeof(ev_##record),                             \
                                           kFields_##record,                                \
                                           doc,                                             \
                                           part_at(kFields_##record, "ino", "fd_flags"),    \
                                           part_at(kFields_##record, "source", "sk_flags"), \
                                           part_at(kFields_##record, "aaddr", "afamily"),   \
                                           part_at(kFields_##record, "a0", "a5"),           \
                                           part_at(kFields_##record, "fdlimit", "vm_swap")};
#include "bpf/schema/events.def"

constexpr RecordInfo kRecords[] = {
#define RECORD_BEGIN(record, doc) kRecord_##record,
#include "bpf/schema/events.def"
};

Kind kind_by_name(std::string_view name);

// "name", "name=field", "name:KIND", "name=field:KIND"; a mistake in the table is a bug.
ParamInfo parse_param(const RecordInfo& record, std::string_view text) {
  const size_t colon = text.find(':');
  const std::string_view kind = colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1);
  text = text.substr(0, colon);
  const size_t equals = text.find('=');
  const std::string_view name = text.substr(0, equals);
  const std::string_view field_name = equals == std::string_view::npos ? name : text.substr(equals + 1);
  const FieldInfo* field = field_of(record, field_name);
  if (field && kind_info(field->kind).cls == KindClass::kAddress) field = nullptr;
  if (field) return {name, kind.empty() ? field->kind : kind_by_name(kind), field};
  const auto derived = derived_kind(name);
  if (!derived || equals != std::string_view::npos) std::abort();
  return {name, kind.empty() ? *derived : kind_by_name(kind), nullptr};
}

std::vector<ParamInfo> parse_params(const RecordInfo& record, std::string_view params) {
  std::vector<ParamInfo> out;
  while (!params.empty()) {
    const size_t end = params.find(' ');
    out.push_back(parse_param(record, params.substr(0, end)));
    params.remove_prefix(end == std::string_view::npos ? params.size() : end + 1);
  }
  return out;
}

constexpr Ring kRing_VITAL = Ring::kVital;
constexpr Ring kRing_BULK = Ring::kBulk;

const std::vector<EventInfo>& events() {
  struct Built {
    std::vector<std::vector<ParamInfo>> params;
    std::vector<EventInfo> infos;
  };
  static const Built built = [] {
    Built made;
    auto add = [&made](uint16_t type, std::string_view name, const RecordInfo* record, Ring ring,
                       std::string_view category, int flags, uint32_t hook, std::string_view params) {
      made.params.push_back(parse_params(*record, params));
      made.infos.push_back({type, name, record, ring, category, static_cast<uint8_t>(flags), hook, {}});
    };
#define EVENT(name, record, ring, category, flags, hook, params) \
  add(EVT_##name, #name, &kRecord_##record, kRing_##ring, #category, flags, hook, params);
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

Kind kind_by_name(std::string_view name) {
  for (size_t i = 0; i < std::size(kKinds); ++i)
    if (kKinds[i].name == name) return static_cast<Kind>(i);
  std::abort();
}

}  // namespace

int kind_bits(Kind kind) {
  const std::string_view type = kind_info(kind).falco_type;
  for (std::string_view narrow : {"PID", "FD", "UID", "GID", "MODE", "SIGTYPE", "SIGSET"})
    if (type == narrow) return 32;
  if (type.ends_with("32") || type.starts_with("ENUMFLAGS")) return 32;
  if (type.ends_with("16")) return 16;
  return type.ends_with("8") ? 8 : 64;
}

const ParamInfo* EventInfo::param(std::string_view param_name) const {
  for (const ParamInfo& info : params)
    if (info.name == param_name) return &info;
  return nullptr;
}

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
