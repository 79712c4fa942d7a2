// The words of the condition language (reference 2.1, 2.2). The language is scanned without a token stream: what a word
// is depends on where it stands (after `=`, almost anything is a value), so the parser asks for what it expects.
// Pure; positions are offsets in the text.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "agent/rule/text.h"

namespace tiercel::rule {

// [^()"'\s=,]
[[nodiscard]] constexpr bool is_bare(char c) {
  return c != '(' && c != ')' && c != '"' && c != '\'' && c != '=' && c != ',' && c != '\0' && !is_blank(c) &&
         c != '\f' && c != '\v';
}
[[nodiscard]] constexpr bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
[[nodiscard]] constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
[[nodiscard]] constexpr bool is_word(char c) {
  return is_letter(c) || is_digit(c) || c == '_';
}

// A field argument as it must be written between [ and ].
[[nodiscard]] std::string quoted_argument(std::string_view arg);

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  [[nodiscard]] size_t at() const { return at_; }
  void seek(size_t at) { at_ = at; }
  [[nodiscard]] bool end() const { return at_ >= text_.size(); }
  [[nodiscard]] char peek(size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  [[nodiscard]] std::string_view text() const { return text_; }

  void skip_blanks();
  bool take(std::string_view literal);  // exactly these characters
  bool take_char(char c);
  // A word that a blank must follow (contains, oneof); the blank is not consumed.
  bool take_word(std::string_view word);
  // and, or, not: a blank or "(" must follow. Nothing is consumed when it is not there.
  bool take_keyword(std::string_view word);

  std::optional<std::string_view> identifier();  // [a-zA-Z]+[a-zA-Z0-9_]*
  std::optional<std::string_view> field_name();  // identifier("."word)+
  std::optional<std::string_view> number();      // hexadecimal or decimal
  std::optional<std::string_view> bare();
  // A quoted string, decoded. Nothing if no quote is here; failure() says what is wrong with one that is.
  std::optional<std::string> quoted();
  [[nodiscard]] const std::string& failure() const { return failure_; }
  [[nodiscard]] size_t failure_at() const { return failure_at_; }

 private:
  bool unescape(std::string_view body, char quote, size_t body_at, std::string& out);
  std::string_view text_;
  size_t at_ = 0;
  std::string failure_;
  size_t failure_at_ = 0;
};

}  // namespace tiercel::rule
