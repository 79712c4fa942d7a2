// Short words for the check-list tests of operators and transformers: many conditions on one event.
#pragma once

#include <initializer_list>
#include <string>

#include "rule_support.h"

namespace tiercel::rule::test {

using Conditions = std::initializer_list<const char*>;

inline void all_hold(Conditions conditions, const TestEvent& event) {
  for (const std::string condition : conditions) CHECK_MESSAGE(holds(condition, *event), condition);
}
inline void none_holds(Conditions conditions, const TestEvent& event) {
  for (const std::string condition : conditions) CHECK_MESSAGE(!holds(condition, *event), condition);
}
inline void all_refused(Conditions conditions) {
  for (const std::string condition : conditions)
    CHECK_MESSAGE(has(condition_errors(condition), "LOAD_ERR_COMPILE_CONDITION"), condition);
}

}  // namespace tiercel::rule::test
