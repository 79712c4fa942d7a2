// Text for people: the terminal's width, wrapping, colours, and conditions over several lines.
#pragma once

#include <string>
#include <string_view>

#include "agent/rule/ast.h"

namespace tiercel::cli {

// Columns of the terminal on standard output; 0: it is none, and nothing is to be cut or wrapped to it.
[[nodiscard]] size_t terminal_width();
// Words of text in lines of at most width columns, each after the first begun with indent blanks. width 0: one line.
[[nodiscard]] std::string wrapped(std::string_view text, size_t indent, size_t width);
// At most width columns (0: no limit), with "..." at the end where something went.
[[nodiscard]] std::string cut(std::string text, size_t width);
// As a terminal shows it, if the program's locale (LC_CTYPE) is the terminal's; else a column a character.
[[nodiscard]] size_t columns_of(std::string_view text);
// The condition with one comparison or group a line, begun with indent blanks.
[[nodiscard]] std::string pretty(const rule::Expr& expr, size_t indent, size_t width);

// How a terminal shows a priority, by its name.
[[nodiscard]] const char* priority_tint(std::string_view priority);

struct Tints {
  explicit Tints(bool on) : on_(on) {}
  [[nodiscard]] const char* bold() const { return on_ ? "\033[1m" : ""; }
  [[nodiscard]] const char* dim() const { return on_ ? "\033[2m" : ""; }
  [[nodiscard]] const char* red() const { return on_ ? "\033[31m" : ""; }
  [[nodiscard]] const char* green() const { return on_ ? "\033[32m" : ""; }
  [[nodiscard]] const char* yellow() const { return on_ ? "\033[33m" : ""; }
  [[nodiscard]] const char* cyan() const { return on_ ? "\033[36m" : ""; }
  [[nodiscard]] const char* priority(std::string_view name) const { return on_ ? priority_tint(name) : ""; }
  [[nodiscard]] const char* off() const { return on_ ? "\033[0m" : ""; }

 private:
  bool on_;
};

}  // namespace tiercel::cli
