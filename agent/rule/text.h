// MappedText: a text that remembers where each of its characters was written. Conditions are put together from folded
// YAML scalars, list items and exception values; a mistake in the result is reported where the user wrote it.
// File names are borrowed (interned by the loader). Any thread, no errors.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/diagnostic.h"

namespace tiercel::rule {

struct Mark {
  const std::string* file = nullptr;
  int line = 0;    // 1-based
  int column = 0;  // 1-based, in bytes

  [[nodiscard]] Position position() const { return {file ? *file : std::string(), line, column}; }
};

class MappedText {
 public:
  MappedText() = default;
  MappedText(std::string_view text, const Mark& mark) { append(text, mark); }

  [[nodiscard]] const std::string& str() const { return text_; }
  [[nodiscard]] size_t size() const { return text_.size(); }
  [[nodiscard]] bool empty() const { return text_.empty(); }

  // One character, written at mark.
  void append_char(char c, const Mark& mark);
  // All of it written from mark on (one source line), or all of it standing for what is at mark.
  void append(std::string_view text, const Mark& mark);
  void append_fixed(std::string_view text, const Mark& mark);
  void append(const MappedText& other) { append(other, 0, other.size()); }
  void append(const MappedText& other, size_t begin, size_t count);

  [[nodiscard]] MappedText substr(size_t begin, size_t count = std::string::npos) const;
  [[nodiscard]] MappedText trimmed() const;
  // Where the character at offset was written; the end of the text: where the last one was.
  [[nodiscard]] Mark mark_at(size_t offset) const;
  // False for what was put in between: parentheses, blanks, quotes.
  [[nodiscard]] bool is_written(size_t offset) const;
  [[nodiscard]] Position position_at(size_t offset) const { return mark_at(offset).position(); }

 private:
  struct Segment {
    size_t offset;
    Mark mark;
    bool advances;  // consecutive characters are in consecutive columns
  };
  [[nodiscard]] const Segment& segment_at(size_t offset) const;
  void add_segment(const Mark& mark, bool advances);

  std::string text_;
  std::vector<Segment> segments_;
};

// The blanks of the condition grammar.
[[nodiscard]] constexpr bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\b' || c == '\r' || c == '\n';
}

}  // namespace tiercel::rule
