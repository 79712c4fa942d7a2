// The grammar of conditions: what is accepted, what is refused, and where each node was written.
#include <doctest/doctest.h>

#include "agent/rule/lexer.h"
#include "agent/rule/parser.h"
#include "parser_support.h"

using namespace tiercel::rule;
using tiercel::rule::test::mapped;

namespace {

bool accepted(std::string_view text) {
  return parse_condition(mapped(text)).has_value();
}

std::string printed(std::string_view text) {
  auto parsed = parse_condition(mapped(text));
  return parsed ? to_string(*parsed->expr) : "error: " + parsed.error().message;
}

}  // namespace

TEST_CASE("rule parser: accepted boolean forms") {
  for (const char* text : {"a",
                           "(a)",
                           "a and b",
                           "a and b and(c)",
                           "(a)and(b)",
                           "a or b",
                           "a or b or(c)",
                           "(a)or(b)",
                           "not a",
                           "not not a",
                           "not(not(a))",
                           "a.a exists and b",
                           "a.a existsand b",
                           "notb",
                           "not_macro",
                           "and_macro",
                           "or_macro",
                           "not  \n a",
                           " a ",
                           "\ta\n",
                           "not(a)and b"})
    CHECK_MESSAGE(accepted(text), text);
}

TEST_CASE("rule parser: refused boolean forms") {
  for (const char* text : {"",    " ",     "a andb",      "aand b",     "a and",     "a or",
                           "not", "and a", "or a",        "a and or b", "a not b",   "(a)andnot(b)",
                           "(a",  "a)",    "(a.b = 1",    "macro > 12", "macro = x", "a.g in ( 1 ,, , b)",
                           "#a",  "a #b",  "a.b = b = 1", "()",         "a ()",      "not()",
                           "and", "or",    "(not)"})
    CHECK_MESSAGE(!accepted(text), text);
}

TEST_CASE("rule parser: precedence and folding") {
  CHECK(printed("a or b and c") == "a or (b and c)");
  CHECK(printed("not a and b") == "not a and b");
  CHECK(printed("not (a and b)") == "not (a and b)");
  CHECK(printed("a and b or c and d") == "(a and b) or (c and d)");
  CHECK(printed("not not a") == "a");
  CHECK(printed("not not not a") == "not a");
  CHECK(printed("a.b == x") == "a.b = x");
}

TEST_CASE("rule parser: field arguments") {
  for (const char* text : {"a.b[1] = x", "a.b[/proc*] = x", "a.b[\"a b\"] = x", "a.b['a\\'b'] = x", "a.b[\"\"] = x",
                           "evt.arg.flags = x", "evt.arg[0] = x", "evt.arg.0 = x", "a.b[x.y] exists"})
    CHECK_MESSAGE(accepted(text), text);
  for (const char* text : {"a.b[] = x", "a.b[[] = x", "a.b[]] = x", "a.b[ 1] = x", "a.b[1 ] = x", "a.b[1 = x",
                           "a.b[\"x = y", "a.b [1] = x", "a.b[\"x\"y] = x"})
    CHECK_MESSAGE(!accepted(text), text);
}

TEST_CASE("rule parser: strings and escapes") {
  for (const char* text : {"a.b = x!@#:/\\.;$%^&*[]{}|", "a.b = \"x y\"", "a.b = 'x y'", "a.b = \"bad escape \\ \"",
                           "a.b = \"\\\"\"", "a.b = '\\''", "a.b = \"\\x41\\xff\"", "a.b = \"\\b\\f\\n\\r\\t\\\\x\\/\"",
                           "a.b = ''", "a.b = not", "a.b = and"})
    CHECK_MESSAGE(accepted(text), text);
  for (const char* text :
       {"a.b = a,", "a.b = a=", "a.b = a(", "a.b = a b", "a.b = \"x", "a.b = x\"", "a.b = '\\\"'", "a.b = \"\\'\"",
        "a.b = \"\\x4\"", "a.b = \"\\x\"", "a.b = \"\\xzz\"", "a.b = \"\\q\"", "a.b = \"a\\\\\"", "a.b =", "a.b = ()"})
    CHECK_MESSAGE(!accepted(text), text);
  auto value = [](std::string_view text) { return parse_condition(mapped(text))->expr->check->values.front().text; };
  CHECK(value("a.b = \"a\\tb\\\"c\"") == "a\tb\"c");
  CHECK(value("a.b = \"\\x41\\xC3\\xa9\"") == "A\xC3\xA9");
  CHECK(value("a.b = \"x\\ y\"") == "x\\y");
  CHECK(value("a.b = c:\\dir") == "c:\\dir");
}

TEST_CASE("rule parser: numbers") {
  for (const char* text : {"a.b > 1", "a.b < -1", "a.b >= +1", "a.b <= 0x1F", "a.b > 1.5", "a.b > 1e+5", "a.b>1",
                           "a.b = 0aaaa", "a.b = 1.2.3.4"})
    CHECK_MESSAGE(accepted(text), text);
  for (const char* text : {"a.b > 0aaaa", "a.b > x", "a.b > \"1\"", "a.b >", "a.b > 1 2", "a.b > (1)", "a.b > 1.2.3"})
    CHECK_MESSAGE(!accepted(text), text);
}

TEST_CASE("rule parser: lists and operators") {
  for (const char* text : {"a.g in (1, 'a', b.c)",
                           "a.g in ()",
                           "a.g in()",
                           "a.g in(x)",
                           "a.g in ( x , y )",
                           "a.g in list_name",
                           "a.g intersects (x)",
                           "a.g pmatch (/etc, /usr)",
                           "a.b=1",
                           "a.b!=1",
                           "a.b==1",
                           "a.b glob /x/*",
                           "a.b iglob X*",
                           "a.b contains x",
                           "a.b icontains x",
                           "a.b bcontains 00",
                           "a.b startswith x",
                           "a.b bstartswith 00",
                           "a.b endswith x",
                           "a.b regex ^x$",
                           "a.b exists"})
    CHECK_MESSAGE(accepted(text), text);
  for (const char* text : {"a.g in (1,)", "a.g in (,1)", "a.g in (1", "a.g in (1 2)", "a.g in 'x'", "a.g in",
                           "a.b contains (x)", "a.b = (x)", "a.b containsx", "a.b contains\"x\"", "a.b not in (x)",
                           "a.g in (tolower(a.b))", "a.b like x", "a.b"})
    CHECK_MESSAGE(!accepted(text), text);
}

TEST_CASE("rule parser: transformers and val") {
  for (const char* text :
       {"tolower(a.b) = x", "toupper( a.b ) = x", "tolower(toupper(a.b[1])) = x", "a.b = toupper(a.c)",
        "a.b = val(a.c)", "a.b = val( a.c[1] )", "a.b in val(a.c)", "a.b contains val(a.c)", "a.b > val(a.c)",
        "len(a.b) > 3", "join(\",\", (a.b, 'x', 1, tolower(a.c))) = x", "join(',', ()) = x", "concat(a.b, 'x') = y",
        "getopt(a.b, 'c:')[c] = x", "basename(a.b) exists", "a.b = toupper (x"}) {
    if (std::string_view(text) == "a.b = toupper (x")
      CHECK_MESSAGE(!accepted(text), text);
    else
      CHECK_MESSAGE(accepted(text), text);
  }
  for (const char* text : {"foo(a.b) = x", "tolower (a.b) = x", "tolower() = x", "tolower(a.b = x", "tolower(abc) = x",
                           "val(a.b) = x", "a.b = val(val(a.c))", "a.b = val(tolower(a.c))", "a.b = val()",
                           "a.b = val(a.c, a.d)", "join(',', (bare)) = x", "join(',', ((1))) = x", "a.b = toupper(a.c"})
    CHECK_MESSAGE(!accepted(text), text);
}

TEST_CASE("rule parser: modifiers") {
  for (const char* op : {"=", "==", "!=", "glob", "iglob", "contains", "icontains", "startswith", "endswith", "regex"})
    for (const char* modifier : {"oneof", "anyof", "allof"}) {
      CHECK(accepted(std::string("a.b ") + op + " " + modifier + " (x, y)"));
      CHECK(accepted(std::string("a.b ") + op + " " + modifier + " name"));
    }
  for (const char* text : {"a.b = oneof", "a.b = oneof and c", "a.b = anyof or c"}) {
    REQUIRE_MESSAGE(accepted(text), text);
    CHECK(printed(text).starts_with("a.b = "));
  }
  CHECK(parse_condition(mapped("a.b = oneof and c"))->expr->children.size() == 2);
  for (const char* text :
       {"a.b in oneof (x)", "a.b > oneof (1)", "a.b =oneof (x)", "a.b oneof (x)", "a.b = oneof not c"})
    CHECK_MESSAGE(!accepted(text), text);
}

TEST_CASE("rule parser: positions, also over several lines") {
  auto parsed = parse_condition(mapped("aa and\n  (b.c = x or\n   not d.e in (f))"));
  REQUIRE(parsed);
  const Expr& all = *parsed->expr;
  auto at = [](const Expr& e) {
    const auto p = e.origin.position();
    return std::to_string(p.line) + ":" + std::to_string(p.column);
  };
  CHECK(at(all) == "1:1");
  CHECK(at(*all.children[0]) == "1:1");
  CHECK(at(*all.children[1]->children[0]) == "2:4");
  CHECK(at(*all.children[1]->children[1]) == "3:4");
  const CheckAst& check = *all.children[1]->children[1]->children[0]->check;
  CHECK(check.op_origin.position().column == 12);
  CHECK(check.values[0].origin.position().line == 3);
  CHECK(check.values[0].origin.position().column == 16);
}

TEST_CASE("rule parser: depth is limited") {
  auto nested = [](size_t n) { return std::string(n, '(') + "a" + std::string(n, ')'); };
  CHECK(parse_condition(mapped(nested(100))).has_value());
  CHECK(parse_condition(mapped(nested(990))).has_value());
  CHECK(!parse_condition(mapped(nested(1100))).has_value());
  CHECK(!parse_condition(mapped(nested(200'000))).has_value());
  ParseOptions shallow;
  shallow.depth_max = 10;
  CHECK(parse_condition(mapped(nested(9)), shallow).has_value());
  CHECK(!parse_condition(mapped(nested(11)), shallow).has_value());
  std::string nots;
  for (int n = 0; n < 5000; ++n) nots += "not ";
  CHECK(!parse_condition(mapped(nots + "a")).has_value());
  std::string transformers;
  for (int n = 0; n < 5000; ++n) transformers += "tolower(";
  CHECK(!parse_condition(mapped(transformers)).has_value());
}

TEST_CASE("rule parser: what is printed parses to the same tree") {
  for (const char* text :
       {"a or b and not (c or d)", "a.b = \"x y\"", "a.b in (1, \"a,b\", '')",
        "tolower(a.b) startswith oneof (x, \"y z\")", "a.b = val(a.c[\"x y\"])",
        "join(\",\", (a.b, \"x\", 1)) = \"q\\\"uote\\\\ \"", "a.b = \"ends in \\x5c\"", "a.b = \"\\x01\\n\\t\"",
        "not a.b exists", "getopt((\"-a\", \"b\"), \"a:\")[a] = x", "(a and b) and c", "a.b[\"]\"] = x"}) {
    const std::string once = printed(text);
    REQUIRE_MESSAGE(!once.starts_with("error"), text << ": " << once);
    CHECK(printed(once) == once);
  }
}

TEST_CASE("rule parser: not in is accepted where asked, and told") {
  ParseOptions tolerant;
  tolerant.allow_not_in = true;
  auto parsed = parse_condition(mapped("a.b not in (x, y) and c"), tolerant);
  REQUIRE(parsed);
  CHECK(to_string(*parsed->expr) == "not a.b in (x, y) and c");
  REQUIRE(parsed->bends.size() == 1);
  CHECK(parsed->bends[0].offset == 4);
}
