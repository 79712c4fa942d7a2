#include "agent/rule/static_fields.h"

#include <algorithm>

#include "agent/rule/accessors.h"

namespace tiercel::rule {
namespace {

StaticFields& stored() {
  static StaticFields fields;
  return fields;
}

}  // namespace

void set_static_fields(StaticFields fields) {
  stored() = std::move(fields);
}

const StaticFields& static_fields() {
  return stored();
}

const std::string* static_field(std::string_view key) {
  for (const auto& [name, value] : stored())
    if (name == key) return &value;
  return nullptr;
}

std::string_view longest_static_key(std::string_view text) {
  size_t size = 0;
  for (const auto& [name, value] : stored())
    if (text.starts_with(name)) size = std::max(size, name.size());
  return text.substr(0, size);
}

namespace accessors {

Value static_text(const Access& a) {
  const std::string* value = static_field(a.arg.text);
  return value == nullptr ? Value() : Value::of_text(*value);
}

}  // namespace accessors

}  // namespace tiercel::rule
