#include "agent/rule/accessors.h"

namespace tiercel::rule::accessors {

Value rule_name(const AlertFacts& alert, Arena& /*arena*/) {
  return Value::of_text(alert.name);
}

Value rule_priority(const AlertFacts& alert, Arena& /*arena*/) {
  return Value::of_uint(severity_of(alert.priority));
}

Value rule_tags(const AlertFacts& alert, Arena& arena) {
  if (alert.tags.empty()) return {};  // as other lists of nothing: `in` must not hold for it
  Value* items = arena.values(alert.tags.size());
  for (size_t n = 0; n < alert.tags.size(); ++n) items[n] = Value::of_text(alert.tags[n]);
  return Value::of_list({items, alert.tags.size()});
}

Value rule_source(const AlertFacts& alert, Arena& /*arena*/) {
  return Value::of_text(alert.source);
}

}  // namespace tiercel::rule::accessors
