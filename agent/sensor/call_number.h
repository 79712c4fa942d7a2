// The number of a call out of its macro: CALL_NUMBER_OF(SYS_open); -1 where the architecture has no such call. Brings
// no numbers of its own: who includes it has chosen whose. Constant.
#pragma once

#include <string_view>

#define CALL_TEXT_OF(macro) #macro
#define CALL_NUMBER_TEXT(macro) CALL_TEXT_OF(macro)
#define CALL_NUMBER_OF(macro) tiercel::sensor::number_in(CALL_NUMBER_TEXT(macro))

namespace tiercel::sensor {

// -1: a name that no macro replaced.
constexpr int number_in(std::string_view text) {
  int number = 0;
  for (char digit : text) {
    if (digit < '0' || digit > '9') return -1;
    number = number * 10 + (digit - '0');
  }
  return number;
}

}  // namespace tiercel::sensor
