// Check-list, group F: quoted texts, both ways.
#include <doctest/doctest.h>

#include "agent/rule/ast.h"
#include "agent/rule/lexer.h"

using namespace tiercel::rule;

namespace {

// What a quoted text stands for; "refused: why" if it is none.
std::string unquoted(std::string_view text) {
  Lexer lexer(text);
  auto out = lexer.quoted();
  if (!out) return "refused: " + lexer.failure();
  return lexer.end() ? *out : "refused: text is left";
}
bool refused(std::string_view text) {
  return unquoted(text).starts_with("refused: ");
}

std::string there_and_back(std::string_view value) {
  const std::string written = quoted_if_needed(value);
  return written.starts_with('"') ? unquoted(written) : written;
}

}  // namespace

TEST_CASE("F1 blanks, tabs and newlines survive quoting and reading back") {
  for (const char* text : {"a b", " a", "a ", "a\tb", "a\nb", "a\r\nb", "\b\f", "  ", "a\"b", "a'b", "a\\b", "a b\\",
                           "a\\", "\\", "\\ ", ""})
    CHECK_MESSAGE(there_and_back(text) == text, text);
  CHECK(quoted_if_needed("a b\tc\nd") == R"("a b\tc\nd")");
  CHECK(unquoted("\"a b\tc\nd\"") == "a b\tc\nd");  // as they are
  CHECK(unquoted(R"('a b\tc\nd')") == "a b\tc\nd");
  CHECK(unquoted(R"("\b\f\n\r\t\/")") == "\b\f\n\r\t/");
}

TEST_CASE("F2 a quote is escaped in its own kind of quotes only") {
  CHECK(unquoted(R"("a\"b")") == "a\"b");
  CHECK(unquoted(R"('a\'b')") == "a'b");
  CHECK(unquoted(R"("a'b")") == "a'b");
  CHECK(unquoted(R"('a"b')") == "a\"b");
  CHECK(refused(R"("a\'b")"));
  CHECK(refused(R"('a\"b')"));
  CHECK(refused(R"("a\qb")"));
  CHECK(refused(R"("a\")"));
}

TEST_CASE("F3 hexadecimal escapes have exactly two digits") {
  CHECK(unquoted(R"("\x41")") == "A");
  CHECK(unquoted(R"("\x41\x42c\x43")") == "ABcC");
  CHECK(unquoted(R"("\xff\xC3\xa9")") == "\xff\xC3\xA9");
  CHECK(unquoted(R"("a\x00b")") == std::string("a\0b", 3));
  CHECK(unquoted(R"("\x414")") == "A4");
  CHECK(unquoted(R"('\x7a')") == "z");
  for (const char* text : {R"("\x")", R"("\x4")", R"("\xg1")", R"("\x1g")", R"("\x 1")", R"('\x4')", R"("\X41")"})
    CHECK_MESSAGE(refused(text), text);
}

TEST_CASE("F4 high bytes are written as they are, NUL is quoted and spelt out") {
  CHECK(quoted_if_needed("\xff\xc3\xa9") == "\xff\xc3\xa9");
  CHECK(quoted_if_needed("\xff x") == "\"\xff x\"");
  CHECK(quoted_if_needed(std::string_view("a\0b", 3)) == R"("a\x00b")");
  for (int c = 0; c < 256; ++c) {
    const std::string text = {'a', static_cast<char>(c), 'b'};
    CHECK_MESSAGE(there_and_back(text) == text, c);
    const std::string last = {'a', static_cast<char>(c)};
    CHECK_MESSAGE(there_and_back(last) == last, c);
  }
}

TEST_CASE("F5 a value is printed in quotes as soon as it holds what may not stand bare") {
  for (const char* bare : {"a", "/etc/passwd", "x!@#:/.;$%^&*[]{}|", "-1", "0x1f", "a-b_c"})
    CHECK_MESSAGE(quoted_if_needed(bare) == bare, bare);
  for (const char* other : {"", "a b", "a,b", "a=b", "(a", "a)", "a'b", "a\"b", "a\tb", "a\nb"}) {
    CHECK_MESSAGE(quoted_if_needed(other).starts_with('"'), other);
    CHECK_MESSAGE(quoted_if_needed(other).ends_with('"'), other);
  }
}
