// JsonOut: writes JSON with bounded texts and without blank ones, as both finding formats want them. One thread.
#pragma once

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "siem/aws/finding.h"

namespace tiercel::aws {

class JsonOut {
 public:
  void open() { writer_.StartObject(); }
  void open(std::string_view key) { name(key), writer_.StartObject(); }
  void close() { writer_.EndObject(); }
  void open_list(std::string_view key) { name(key), writer_.StartArray(); }
  void close_list() { writer_.EndArray(); }

  // Nothing where the text is blank.
  void text(std::string_view key, std::string_view value, size_t characters_max) {
    const std::string kept = bounded(value, characters_max);
    if (is_blank(kept)) return;
    name(key);
    put(kept);
  }
  void element(std::string_view value, size_t characters_max) { put(bounded(value, characters_max)); }
  void number(std::string_view key, int64_t value) { name(key), writer_.Int64(value); }
  void truth(std::string_view key, bool value) { name(key), writer_.Bool(value); }
  template <class Number>
  void number(std::string_view key, const std::optional<Number>& value) {
    if (value) number(key, static_cast<int64_t>(*value));
  }
  void truth(std::string_view key, const std::optional<bool>& value) {
    if (value) truth(key, *value);
  }
  [[nodiscard]] std::string take() { return {buffer_.GetString(), buffer_.GetSize()}; }

 private:
  void name(std::string_view key) { writer_.Key(key.data(), static_cast<rapidjson::SizeType>(key.size())); }
  void put(std::string_view value) { writer_.String(value.data(), static_cast<rapidjson::SizeType>(value.size())); }
  rapidjson::StringBuffer buffer_;
  rapidjson::Writer<rapidjson::StringBuffer> writer_{buffer_};
};

}  // namespace tiercel::aws
