// The fields that a rule may name: fields.def as a table. Constant, any thread. Accessors run on the deciding thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "agent/context/event.h"
#include "agent/rule/alert_facts.h"
#include "agent/rule/value.h"

namespace tiercel::rule {

// Falco's types of values (reference 2.4.2); they decide which operators and values are allowed.
enum class Type : uint8_t {
  kInt16,
  kInt32,
  kInt64,
  kUint16,
  kUint32,
  kUint64,
  kBool,
  kDouble,
  kRelTime,
  kAbsTime,
  kPort,
  kCharBuf,
  kFsPath,
  kByteBuf,
  kIpAddr,
  kIpNet,
  kDyn,
  kOpaque,
  kPriority,  // ours: a severity (alert_facts.h), written by name
};
[[nodiscard]] std::string_view type_text(Type type);  // "CHARBUF"

// How a number prints.
enum class Print : uint8_t { kText, kDec, kHex, kOct, kPadded };

enum FieldFlags : uint32_t {
  FF_NONE = 0,
  FF_ARG_REQUIRED = 1,
  FF_ARG_OPTIONAL = 2,
  FF_ARG_INDEX = 4,  // the argument, if given, is a decimal number
  FF_LIST = 8,
  FF_NO_RHS = 16,
  FF_NO_TRANSFORM = 32,
  FF_FILTER_ONLY = 64,
  FF_PRINT_ONLY = 128,
  FF_TABLE_ONLY = 256,
  FF_DEPRECATED = 512,
  FF_ANCESTORS = 1024,   // without an argument: true if any ancestor satisfies the comparison
  FF_EITHER = 2048,      // two endpoints: = if either does, != only if both do
  FF_PATH = 4096,        // reads the event's path: judged once with each of its two paths
  FF_TIME = 8192,        // in JSON: integer ns since the epoch
  FF_SUGGESTED = 16384,  // part of append_output's suggested_output
  FF_IMAGE = 32768,      // reads nothing but the image of the event, which never changes
  FF_OPEN = 65536,       // reads of an open nothing but what its record says of the paths and the file (open_cache.h)
};

struct FieldArg {
  bool given = false;
  std::string text;
  int64_t index = -1;  // of a decimal argument
};

struct Access {
  const context::Event& event;
  const FieldArg& arg;
  Arena& arena;  // for texts that have to be made
  context::PathView view;
};
using Accessor = Value (*)(const Access&);
using AlertAccessor = Value (*)(const AlertFacts&, Arena&);

struct FieldInfo {
  std::string_view name;
  Type type;
  Print print;
  uint32_t flags;
  Accessor get;                // nullptr: no event feeds it
  std::string_view waits_for;  // what would feed it; "" if fed
  uint8_t cost;                // 1: a pointer away ... 9: made anew
  std::string_view doc;
  AlertAccessor of_alert = nullptr;  // not null: of an alert, and only in conditions of responses and outputs

  [[nodiscard]] bool has(FieldFlags flag) const { return (flags & flag) != 0; }
  [[nodiscard]] bool fed() const { return get != nullptr; }
};

[[nodiscard]] std::span<const FieldInfo> all_fields();
[[nodiscard]] const FieldInfo* field_by_name(std::string_view name);

struct FieldName {
  const FieldInfo* info = nullptr;
  FieldArg arg;
};
// "proc.aname" with [2], "evt.arg.flags": the field and its argument; info is nullptr if there is no such field.
// A dotted rest is the argument of a field that takes one.
[[nodiscard]] FieldName resolve_field(std::string_view name, bool has_arg, std::string_view arg);
// Why the argument does not fit the field, "" if it does. known_events: see event_names.h.
[[nodiscard]] std::string argument_error(const FieldName& field, std::string_view written);
// The nearest field name, for hints; "" if none is close. Knows Falco's never-existing names (fd.dport). of_alert:
// among those of alerts, too.
[[nodiscard]] std::string suggest_field(std::string_view name, bool of_alert = false);
// Fields that are prefixes of output text: the longest registered name at the start of text; "" if none.
[[nodiscard]] std::string_view longest_field_prefix(std::string_view text);

}  // namespace tiercel::rule
