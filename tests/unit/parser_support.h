// A condition's text with the place of every character, as the parser takes it.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "agent/rule/text.h"

namespace tiercel::rule::test {

inline std::shared_ptr<const MappedText> mapped(std::string_view text) {
  static const std::string kFile = "c.yaml";
  auto out = std::make_shared<MappedText>();
  int line = 1, column = 1;
  for (char c : text) {
    out->append_char(c, {&kFile, line, column});
    ++column;
    if (c == '\n') ++line, column = 1;
  }
  return out;
}

}  // namespace tiercel::rule::test
