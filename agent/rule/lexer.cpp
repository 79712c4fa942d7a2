#include "agent/rule/lexer.h"

#include "agent/rule/ast.h"

namespace tiercel::rule {
namespace {

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string quoted_argument(std::string_view arg) {
  bool bare = !arg.empty();
  for (char c : arg) bare = bare && c != '[' && c != ']' && c != '"' && c != '\'' && !is_blank(c) && c >= ' ';
  if (bare) return std::string(arg);
  const std::string text = quoted_if_needed(arg);
  return text.starts_with('"') ? text : '"' + text + '"';
}

void Lexer::skip_blanks() {
  while (!end() && is_blank(text_[at_])) ++at_;
}

bool Lexer::take(std::string_view literal) {
  if (text_.substr(at_).substr(0, literal.size()) != literal) return false;
  at_ += literal.size();
  return true;
}

bool Lexer::take_char(char c) {
  if (peek() != c || end()) return false;
  ++at_;
  return true;
}

bool Lexer::take_word(std::string_view word) {
  const size_t start = at_;
  if (take(word) && !end() && is_blank(peek())) return true;
  at_ = start;
  return false;
}

bool Lexer::take_keyword(std::string_view word) {
  const size_t start = at_;
  if (take(word) && !end() && (is_blank(peek()) || peek() == '(')) return true;
  at_ = start;
  return false;
}

std::optional<std::string_view> Lexer::identifier() {
  if (!is_letter(peek())) return std::nullopt;
  const size_t start = at_;
  while (is_word(peek())) ++at_;
  return text_.substr(start, at_ - start);
}

std::optional<std::string_view> Lexer::field_name() {
  const size_t start = at_;
  if (!identifier()) return std::nullopt;
  size_t parts = 1;
  while (peek() == '.' && is_word(peek(1))) {
    ++at_;
    while (is_word(peek())) ++at_;
    ++parts;
  }
  if (parts == 1) {
    at_ = start;
    return std::nullopt;
  }
  return text_.substr(start, at_ - start);
}

std::optional<std::string_view> Lexer::number() {
  const size_t start = at_;
  if (peek() == '0' && (peek(1) == 'x' || peek(1) == 'X') && hex_digit(peek(2)) >= 0) {
    at_ += 2;
    while (hex_digit(peek()) >= 0) ++at_;
    return text_.substr(start, at_ - start);
  }
  size_t n = peek() == '+' || peek() == '-' ? 1 : 0;
  if (!is_digit(peek(n))) return std::nullopt;
  while (is_digit(peek(n))) ++n;
  if (peek(n) == '.') ++n;
  while (is_digit(peek(n))) ++n;
  if ((peek(n) == 'e' || peek(n) == 'E') && (peek(n + 1) == '+' || peek(n + 1) == '-') && is_digit(peek(n + 2))) {
    n += 2;
    while (is_digit(peek(n))) ++n;
  }
  at_ += n;
  return text_.substr(start, n);
}

std::optional<std::string_view> Lexer::bare() {
  const size_t start = at_;
  while (!end() && is_bare(text_[at_])) ++at_;
  if (at_ == start) return std::nullopt;
  return text_.substr(start, at_ - start);
}

std::optional<std::string> Lexer::quoted() {
  const char quote = peek();
  if (end() || (quote != '"' && quote != '\'')) return std::nullopt;
  size_t close = at_ + 1;
  while (close < text_.size() && (text_[close] != quote || text_[close - 1] == '\\')) ++close;
  if (close >= text_.size()) {
    failure_ = std::string("the quote ") + quote + " is never closed";
    failure_at_ = at_;
    return std::nullopt;
  }
  std::string out;
  if (!unescape(text_.substr(at_ + 1, close - at_ - 1), quote, at_ + 1, out)) return std::nullopt;
  at_ = close + 1;
  return out;
}

bool Lexer::unescape(std::string_view body, char quote, size_t body_at, std::string& out) {
  for (size_t n = 0; n < body.size(); ++n) {
    if (body[n] != '\\') {
      out += body[n];
      continue;
    }
    const size_t escape_at = body_at + n;
    const char c = ++n < body.size() ? body[n] : '\0';
    switch (c) {
      case 'b':
        out += '\b';
        continue;
      case 'f':
        out += '\f';
        continue;
      case 'n':
        out += '\n';
        continue;
      case 'r':
        out += '\r';
        continue;
      case 't':
        out += '\t';
        continue;
      case ' ':  // Falco's quirk: the backslash stays and the blank goes
      case '\\':
        out += '\\';
        continue;
      case '/':
        out += '/';
        continue;
      case 'x':
        if (n + 2 < body.size() && hex_digit(body[n + 1]) >= 0 && hex_digit(body[n + 2]) >= 0) {
          out += static_cast<char>(hex_digit(body[n + 1]) * 16 + hex_digit(body[n + 2]));
          n += 2;
          continue;
        }
        break;
      default:
        if (c == quote && n < body.size()) {
          out += c;
          continue;
        }
    }
    failure_ = c == 'x' ? "\\x needs exactly two hexadecimal digits"
                        : std::string("there is no escape \\") + (c == '\0' ? ' ' : c) + " in this kind of quotes";
    failure_at_ = escape_at;
    return false;
  }
  return true;
}

}  // namespace tiercel::rule
