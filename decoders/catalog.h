// The event table as data: what each event and field is called, where it lies and how it prints. Everything here is an
// expansion of bpf/schema/events.def and decoders/kinds.def; constant, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "bpf/schema/event.h"

namespace tiercel::decoders {

enum class Kind : uint8_t {
#define KIND(name, falco_type, cls, table) k##name,
#include "decoders/kinds.def"
};

enum class KindClass : uint8_t { kSigned, kUnsigned, kText, kArgv, kBytes, kAddress };

struct KindInfo {
  std::string_view name;
  std::string_view falco_type;
  KindClass cls;
};
[[nodiscard]] const KindInfo& kind_info(Kind kind);
// Of a value of that kind, by Falco's type: 8, 16, 32 or 64. Arguments arrive as whole registers.
[[nodiscard]] int kind_bits(Kind kind);

enum class Ring : uint8_t { kVital, kBulk };

enum EventFlags : uint8_t {
  EF_CREATES_FD = 1,
  EF_USES_FD = 2,
  EF_MODIFIES = 4,
  EF_INTERNAL = 8,  // never an evt.type that a rule may name
  EF_READS = 16,
  EF_WRITES = 32,
};

struct FieldInfo {
  std::string_view name;
  Kind kind;
  uint16_t offset;  // in the record
  uint16_t size;    // of the fixed part
  bool is_text;     // a struct text
  std::string_view doc;
};

struct RecordInfo {
  std::string_view name;
  uint16_t size;  // of the fixed part
  std::span<const FieldInfo> fields;
  std::string_view doc;
  // Where the parts of bpf/schema/parts.h begin in this record; 0: it has none.
  uint16_t file_at, sock_at, addr_at, args_at, usage_at;
};

// A name that evt.arg may use.
struct ParamInfo {
  std::string_view name;
  Kind kind;               // how it compares and prints
  const FieldInfo* field;  // of the record; nullptr: the process or the head tells it (render.h)
};

struct EventInfo {
  uint16_t type;          // enum ev_type
  std::string_view name;  // Falco's evt.type
  const RecordInfo* record;
  Ring ring;
  std::string_view category;
  uint8_t flags;
  uint32_t hook;                      // bpf/schema/hook.h
  std::span<const ParamInfo> params;  // in Falco's order
  [[nodiscard]] const ParamInfo* param(std::string_view param_name) const;
};

// nullptr for a number that is no event (a hostile or newer record).
[[nodiscard]] const EventInfo* event_info(uint16_t type);
[[nodiscard]] const EventInfo* event_by_name(std::string_view falco_name);
[[nodiscard]] std::span<const EventInfo> all_events();  // index = type - 1
[[nodiscard]] std::span<const RecordInfo> all_records();
[[nodiscard]] const FieldInfo* field_of(const RecordInfo& record, std::string_view name);

}  // namespace tiercel::decoders
