#include "agent/alert/json.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>

#include "agent/base/time_text.h"

namespace tiercel::alert {
namespace {

constexpr uint32_t kReplacement = 0xFFFD;
constexpr std::string_view kReplacementText = "\xEF\xBF\xBD";
constexpr size_t kCodeEscapeBytes = 6;  // \u001b

// How many bytes a sequence has by its first byte, and what its second byte may be (Unicode, table 3-7: this is what
// shuts out overlong forms, surrogates and code points beyond U+10FFFF).
struct Lead {
  size_t size_bytes;
  unsigned char second_min, second_max;
};
Lead lead_of(unsigned char first) {
  if (first < 0xC2) return {0, 0, 0};
  if (first < 0xE0) return {2, 0x80, 0xBF};
  if (first < 0xF0)
    return {3, static_cast<unsigned char>(first == 0xE0 ? 0xA0 : 0x80),
            static_cast<unsigned char>(first == 0xED ? 0x9F : 0xBF)};
  if (first < 0xF5)
    return {4, static_cast<unsigned char>(first == 0xF0 ? 0x90 : 0x80),
            static_cast<unsigned char>(first == 0xF4 ? 0x8F : 0xBF)};
  return {0, 0, 0};
}

void append_code_escape(std::string& out, uint32_t code_point) {
  char text[8];
  std::snprintf(text, sizeof text, "\\u%04x", code_point);
  out += text;
}

bool is_control(uint32_t c) {
  return c < 0x20 || (c >= 0x7F && c < 0xA0);
}

void append_character(std::string& out, std::string_view bytes, const Utf8Step& step) {
  switch (step.code_point) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\b':
      out += "\\b";
      return;
    case '\t':
      out += "\\t";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\f':
      out += "\\f";
      return;
    case '\r':
      out += "\\r";
      return;
    default:
      break;
  }
  if (!step.valid)
    out += kReplacementText;
  else if (is_control(step.code_point))
    append_code_escape(out, step.code_point);
  else
    out += bytes;
}

bool is_plain(unsigned char c) {
  return c >= 0x20 && c < 0x7F && c != '"' && c != '\\';
}

}  // namespace

Utf8Step utf8_step(std::string_view text) {
  if (text.empty()) return {};
  auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  if (byte(0) < 0x80) return {1, true, byte(0)};
  const Lead lead = lead_of(byte(0));
  if (lead.size_bytes == 0) return {1, false, kReplacement};
  uint32_t code_point = byte(0) & (0x7Fu >> lead.size_bytes);
  for (size_t i = 1; i < lead.size_bytes; ++i) {
    const unsigned char min = i == 1 ? lead.second_min : 0x80;
    const unsigned char max = i == 1 ? lead.second_max : 0xBF;
    if (i >= text.size() || byte(i) < min || byte(i) > max) return {i, false, kReplacement};
    code_point = code_point << 6 | (byte(i) & 0x3Fu);
  }
  return {lead.size_bytes, true, code_point};
}

void append_escaped(std::string& out, std::string_view text) {
  while (!text.empty()) {
    size_t plain = 0;
    while (plain < text.size() && is_plain(static_cast<unsigned char>(text[plain]))) ++plain;
    out += text.substr(0, plain);
    text.remove_prefix(plain);
    if (text.empty()) return;
    const Utf8Step step = utf8_step(text);
    append_character(out, text.substr(0, step.size_bytes), step);
    text.remove_prefix(step.size_bytes);
  }
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  append_escaped(out, text);
  out += '"';
}

size_t escaped_size(std::string_view text) {
  size_t size_bytes = 0;
  while (!text.empty()) {
    const Utf8Step step = utf8_step(text);
    const uint32_t c = step.code_point;
    if (!step.valid)
      size_bytes += kReplacementText.size();
    else if (c == '"' || c == '\\' || c == '\b' || c == '\t' || c == '\n' || c == '\f' || c == '\r')
      size_bytes += 2;
    else
      size_bytes += is_control(c) ? kCodeEscapeBytes : step.size_bytes;
    text.remove_prefix(step.size_bytes);
  }
  return size_bytes;
}

std::string json_string(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

void append_json(std::string& out, const JsonValue& value) {
  struct Writer {
    std::string& out;
    void operator()(std::monostate) const { out += "null"; }
    void operator()(bool b) const { out += b ? "true" : "false"; }
    void operator()(int64_t n) const { out += std::to_string(n); }
    void operator()(uint64_t n) const { out += std::to_string(n); }
    void operator()(const std::string& s) const { append_json_string(out, s); }
    void operator()(const JsonValue::List& list) const {
      out += '[';
      for (size_t i = 0; i < list.size(); ++i) {
        if (i > 0) out += ',';
        append_json(out, list[i]);
      }
      out += ']';
    }
  };
  std::visit(Writer{out}, value.value);
}

namespace {

bool is_internal(const FalcoLine& line) {
  return line.source == "internal";
}

// By key, the later of two with one key.
std::map<std::string_view, const JsonValue*> sorted_fields(const FalcoLine& line) {
  std::map<std::string_view, const JsonValue*> sorted;
  for (const FalcoLine::Field& field : line.output_fields) sorted[field.key] = &field.value;
  return sorted;
}

void append_object(std::string& out, const std::map<std::string_view, const JsonValue*>& members) {
  out += '{';
  for (bool first = true; const auto& [key, value] : members) {
    if (!first) out += ',';
    first = false;
    append_json_string(out, key);
    out += ':';
    append_json(out, *value);
  }
  out += '}';
}

}  // namespace

std::string output_text(const FalcoLine& line) {
  std::string out = line.time_format_iso_8601 ? iso8601_offset(line.time_ns) : time_local(line.time_ns);
  out += ": ";
  out += display_name(line.priority);
  out += ' ';
  out += line.message;
  if (!is_internal(line) || line.output_fields.empty()) return out;
  out += " (";
  for (bool first = true; const auto& [key, value] : sorted_fields(line)) {
    if (!first) out += ' ';
    first = false;
    out += key;
    out += '=';
    append_json(out, *value);
  }
  return out += ')';
}

std::string text_line(const FalcoLine& line) {
  std::string out;
  append_escaped(out, output_text(line));
  return out;
}

std::string falco_json_line(const FalcoLine& line) {
  JsonValue::List tags(line.tags.begin(), line.tags.end());
  std::sort(tags.begin(), tags.end(), [](const JsonValue& a, const JsonValue& b) {
    return std::get<std::string>(a.value) < std::get<std::string>(b.value);
  });
  const JsonValue time_value(line.time_ns);
  auto fields = sorted_fields(line);
  if (!is_internal(line)) fields[line.time_format_iso_8601 ? "evt.time.iso8601" : "evt.time"] = &time_value;

  std::string out = "{\"hostname\":";
  append_json_string(out, line.hostname);
  auto text_member = [&](std::string_view key, std::string_view text) {
    out += ",\"";
    out += key;
    out += "\":";
    append_json_string(out, text);
  };
  if (line.json_include_message_property) text_member("message", line.message);
  if (line.json_include_output_property) text_member("output", output_text(line));
  if (line.json_include_output_fields_property) {
    out += ",\"output_fields\":";
    append_object(out, fields);
  }
  text_member("priority", display_name(line.priority));
  text_member("rule", line.rule);
  text_member("source", line.source);
  if (line.json_include_tags_property && !is_internal(line)) {
    out += ",\"tags\":";
    append_json(out, JsonValue(std::move(tags)));
  }
  text_member("time", iso8601_z(line.time_ns));
  return out += '}';
}

std::string falco_hostname() {
  if (const char* given = std::getenv("FALCO_HOSTNAME"); given != nullptr && *given != '\0') return given;
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) != 0) return "localhost";
  return name;
}

}  // namespace tiercel::alert
