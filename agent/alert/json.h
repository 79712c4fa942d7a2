// How an alert looks as Falco's text line and as Falco's JSON line, and the small JSON writer behind both.
// Pure functions; any thread. Facts: Falco's output (text line, JSON line, internal messages).
//
// Texts of any bytes are welcome: what is not UTF-8 becomes U+FFFD (one for each maximal broken part), control
// characters are escaped. DEL and U+0080..U+009F are escaped as well, which Falco does not do: a terminal would obey
// them, a JSON reader sees the same value.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "agent/alert/alert.h"

namespace tiercel::alert {

// One character, or one maximal broken part, at the beginning of a text.
struct Utf8Step {
  size_t size_bytes = 0;  // at least 1 unless the text is empty
  bool valid = false;
  uint32_t code_point = 0;  // U+FFFD when broken
};
[[nodiscard]] Utf8Step utf8_step(std::string_view text);

void append_escaped(std::string& out, std::string_view text);      // without quotes
void append_json_string(std::string& out, std::string_view text);  // with quotes
[[nodiscard]] std::string json_string(std::string_view text);
[[nodiscard]] size_t escaped_size(std::string_view text);  // of what append_escaped() would append

// A field's value, as Falco types it in output_fields; std::monostate is null.
struct JsonValue {
  using List = std::vector<JsonValue>;
  std::variant<std::monostate, bool, int64_t, uint64_t, std::string, List> value;

  JsonValue() = default;
  JsonValue(std::nullptr_t) {}     // NOLINT(google-explicit-constructor): values are written where they are used
  JsonValue(bool b) : value(b) {}  // NOLINT(google-explicit-constructor)
  JsonValue(int n) : value(static_cast<int64_t>(n)) {}        // NOLINT(google-explicit-constructor)
  JsonValue(int64_t n) : value(n) {}                          // NOLINT(google-explicit-constructor)
  JsonValue(uint32_t n) : value(static_cast<uint64_t>(n)) {}  // NOLINT(google-explicit-constructor)
  JsonValue(uint64_t n) : value(n) {}                         // NOLINT(google-explicit-constructor)
  JsonValue(const char* s) : value(std::string(s)) {}         // NOLINT(google-explicit-constructor)
  JsonValue(std::string s) : value(std::move(s)) {}           // NOLINT(google-explicit-constructor)
  JsonValue(List l) : value(std::move(l)) {}                  // NOLINT(google-explicit-constructor)
  bool operator==(const JsonValue&) const = default;
};
void append_json(std::string& out, const JsonValue& value);

struct FalcoLine {
  struct Field {
    std::string key;  // the token without % and width: "proc.aname[2]"
    JsonValue value;
  };
  uint64_t time_ns = 0;
  Priority priority = Priority::kDebug;
  std::string hostname;
  std::string rule;
  std::string source;                // "internal": no tags, no time among the fields, the fields in the text
  std::string message;               // the rule's output, resolved, without time and priority
  std::vector<Field> output_fields;  // in any order; of two with one key the later counts
  std::vector<std::string> tags;     // in any order

  // The keys of falco.yaml of the same names.
  bool json_include_output_property = true;
  bool json_include_message_property = false;
  bool json_include_output_fields_property = true;
  bool json_include_tags_property = true;
  bool time_format_iso_8601 = false;
};

// "time: Priority message", as it is before the escaping of the line; for internal lines with " (k=v k2=v2)".
[[nodiscard]] std::string output_text(const FalcoLine& line);
// The same, escaped: one line whatever the output holds. No newline at the end.
[[nodiscard]] std::string text_line(const FalcoLine& line);
// One JSON object, keys in alphabetical order, no blanks. The time of the prefix joins output_fields by itself.
[[nodiscard]] std::string falco_json_line(const FalcoLine& line);

// The host's name as Falco gives it: FALCO_HOSTNAME from the environment, else gethostname().
[[nodiscard]] std::string falco_hostname();

}  // namespace tiercel::alert
