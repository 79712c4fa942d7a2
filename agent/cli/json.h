// JSON for machines. Texts may hold any bytes: what is not UTF-8 becomes U+FFFD.
#pragma once

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <cstdio>
#include <string>
#include <string_view>

#include "agent/alert/json.h"
#include "agent/base/diagnostic.h"

namespace tiercel::cli {

class Json {
 public:
  Json& open_object() { return writer_.StartObject(), *this; }
  Json& close_object() { return writer_.EndObject(), *this; }
  Json& open_array() { return writer_.StartArray(), *this; }
  Json& close_array() { return writer_.EndArray(), *this; }
  Json& key(std::string_view name) {
    writer_.Key(name.data(), static_cast<rapidjson::SizeType>(name.size()));
    return *this;
  }
  Json& text(std::string_view value) {
    const std::string json = alert::json_string(value);
    writer_.RawValue(json.data(), json.size(), rapidjson::kStringType);
    return *this;
  }
  Json& number(uint64_t value) { return writer_.Uint64(value), *this; }
  Json& boolean(bool value) { return writer_.Bool(value), *this; }

  Json& put(std::string_view name, std::string_view value) { return key(name).text(value); }
  Json& put(std::string_view name, const char* value) { return key(name).text(value); }
  Json& put_number(std::string_view name, uint64_t value) { return key(name).number(value); }
  Json& put_bool(std::string_view name, bool value) { return key(name).boolean(value); }
  template <class Texts>
  Json& put_all(std::string_view name, const Texts& values) {
    key(name).open_array();
    for (const auto& value : values) text(value);
    return close_array();
  }
  Json& put_position(const Position& position) {
    put("file", position.file);
    put_number("line", static_cast<uint64_t>(position.line));
    return put_number("column", static_cast<uint64_t>(position.column));
  }
  Json& put_diagnostics(const Diagnostics& diagnostics) {
    key("diagnostics").open_array();
    for (const Diagnostic& d : diagnostics.all()) {
      open_object();
      put("severity", d.severity == Diagnostic::Severity::kError ? "error" : "warning");
      put("code", d.code).put("message", d.message).put("hint", d.hint).put("subject", d.subject);
      put_position(d.position).close_object();
    }
    return close_array();
  }

  [[nodiscard]] std::string str() const { return {buffer_.GetString(), buffer_.GetSize()}; }
  void print() const { std::printf("%s\n", buffer_.GetString()); }

 private:
  rapidjson::StringBuffer buffer_;
  rapidjson::Writer<rapidjson::StringBuffer> writer_{buffer_};
};

}  // namespace tiercel::cli
