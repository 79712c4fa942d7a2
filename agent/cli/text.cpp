#include "agent/cli/text.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <wchar.h>

#include <algorithm>

namespace tiercel::cli {
namespace {

constexpr size_t kWidthLeast = 40;
constexpr size_t kWidthWithoutTerminal = 100;  // of what is broken into lines for reading anyway

struct Character {
  size_t size_bytes = 1;
  size_t columns = 1;
};

// The first one of a text that is not empty.
Character first_of(std::string_view text) {
  if (static_cast<unsigned char>(text.front()) < 0x80) return {};
  std::mbstate_t state{};
  wchar_t c = 0;
  const size_t size = ::mbrtowc(&c, text.data(), text.size(), &state);
  if (size == 0 || size > text.size())  // no character in this locale: then a head counts, and what follows it does not
    return {1, (static_cast<unsigned char>(text.front()) & 0xC0) != 0x80 ? size_t{1} : 0};
  const int columns = ::wcwidth(c);
  return {size, columns < 0 ? 1 : static_cast<size_t>(columns)};
}

void print(std::string& out, const rule::Expr& expr, size_t indent, size_t width, bool inside) {
  const std::string flat = rule::to_string(expr);
  const bool group = expr.kind == rule::Expr::Kind::kAnd || expr.kind == rule::Expr::Kind::kOr;
  if (indent + flat.size() + (inside && group ? 2 : 0) <= width) {
    out += inside && group ? "(" + flat + ")" : flat;
    return;
  }
  if (expr.kind == rule::Expr::Kind::kNot) {
    out += "not ";
    return print(out, *expr.children.front(), indent + 4, width, true);
  }
  if (!group) {
    out += wrapped(flat, indent + 4, width);
    return;
  }
  const std::string word = expr.kind == rule::Expr::Kind::kAnd ? "and " : "or ";
  if (inside) {
    out += '(';
    ++indent;
  }
  for (size_t n = 0; n < expr.children.size(); ++n) {
    if (n > 0) out += "\n" + std::string(indent, ' ') + word;
    print(out, *expr.children[n], indent + (n > 0 ? word.size() : 0), width, true);
  }
  if (inside) out += ')';
}

}  // namespace

size_t terminal_width() {
  winsize size{};
  if (::isatty(STDOUT_FILENO) != 1 || ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 0;
  return std::max<size_t>(size.ws_col, kWidthLeast);
}

size_t columns_of(std::string_view text) {
  size_t columns = 0;
  while (!text.empty()) {
    const Character one = first_of(text);
    columns += one.columns;
    text.remove_prefix(one.size_bytes);
  }
  return columns;
}

std::string cut(std::string text, size_t width) {
  if (width == 0 || columns_of(text) <= width) return text;
  const size_t keep = width > 3 ? width - 3 : 0;
  size_t at = 0;
  for (size_t columns = 0; at < text.size();) {
    const Character one = first_of(std::string_view(text).substr(at));
    if ((columns += one.columns) > keep) break;
    at += one.size_bytes;
  }
  text.resize(at);
  return text + "...";
}

std::string wrapped(std::string_view text, size_t indent, size_t width) {
  std::string out;
  size_t column = indent;
  for (size_t at = 0; at < text.size();) {
    const size_t begin = text.find_first_not_of(" \n\t\r", at);
    if (begin == std::string_view::npos) break;
    const size_t end = std::min(text.find_first_of(" \n\t\r", begin), text.size());
    const std::string_view word = text.substr(begin, end - begin);
    const size_t size = columns_of(word);
    if (!out.empty() && width > 0 && column + 1 + size > width) {
      out += "\n" + std::string(indent, ' ');
      column = indent;
    } else if (!out.empty()) {
      out += ' ';
      ++column;
    }
    out += word;
    column += size;
    at = end;
  }
  return out;
}

const char* priority_tint(std::string_view priority) {
  if (priority == "Emergency" || priority == "Alert" || priority == "Critical") return "\033[1;31m";
  if (priority == "Error") return "\033[31m";
  if (priority == "Warning") return "\033[33m";
  if (priority == "Notice") return "\033[36m";
  return "\033[2m";
}

std::string pretty(const rule::Expr& expr, size_t indent, size_t width) {
  std::string out(indent, ' ');
  print(out, expr, indent, width == 0 ? kWidthWithoutTerminal : width, false);
  return out;
}

}  // namespace tiercel::cli
