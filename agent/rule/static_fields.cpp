#include "agent/rule/static_fields.h"

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

namespace accessors {

Value static_text(const Access& a) {
  const std::string* value = static_field(a.arg.text);
  return value == nullptr ? Value() : Value::of_text(*value);
}

}  // namespace accessors

}  // namespace tiercel::rule
