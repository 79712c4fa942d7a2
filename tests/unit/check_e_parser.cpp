// Check-list, group E: what the parser of conditions takes and refuses, and where it says that a node was written.
#include <doctest/doctest.h>

#include <random>

#include "agent/rule/parser.h"
#include "parser_support.h"
#include "rule_support.h"

using namespace tiercel::rule;
using namespace tiercel::rule::test;

namespace {

bool accepted(std::string_view text, const ParseOptions& options = {}) {
  return parse_condition(mapped(text), options).has_value();
}

void all_accepted(std::initializer_list<const char*> texts) {
  for (const std::string text : texts) CHECK_MESSAGE(accepted(text), text);
}
void all_refused(std::initializer_list<const char*> texts) {
  for (const std::string text : texts) CHECK_MESSAGE(!accepted(text), text);
}

std::string printed(std::string_view text) {
  auto parsed = parse_condition(mapped(text));
  return parsed ? to_string(*parsed->expr) : "error: " + parsed.error().message;
}

ExprPtr parsed_tree(std::string_view text) {
  auto parsed = parse_condition(mapped(text));
  if (!parsed) throw std::runtime_error("refused: " + std::string(text) + ": " + parsed.error().message);
  return std::move(parsed->expr);
}

std::string value_of(std::string_view text) {
  const ExprPtr tree = parsed_tree(text);
  return tree->check && !tree->check->values.empty() ? tree->check->values.front().text : "(none)";
}

bool same(const OperandAst& a, const OperandAst& b) {
  if (a.kind != b.kind || a.name != b.name || a.has_arg != b.has_arg || a.arg != b.arg || a.is_value != b.is_value ||
      a.parts.size() != b.parts.size())
    return false;
  for (size_t n = 0; n < a.parts.size(); ++n)
    if (!same(a.parts[n], b.parts[n])) return false;
  return true;
}

bool same(const CheckAst& a, const CheckAst& b) {
  if (!same(a.left, b.left) || a.op != b.op || a.modifier != b.modifier || a.is_list != b.is_list ||
      a.values.size() != b.values.size() || (a.right == nullptr) != (b.right == nullptr))
    return false;
  for (size_t n = 0; n < a.values.size(); ++n)
    if (a.values[n].text != b.values[n].text) return false;
  return !a.right || same(*a.right, *b.right);
}

bool same(const Expr& a, const Expr& b) {
  if (a.kind != b.kind || a.macro != b.macro || a.children.size() != b.children.size() ||
      (a.check == nullptr) != (b.check == nullptr))
    return false;
  for (size_t n = 0; n < a.children.size(); ++n)
    if (!same(*a.children[n], *b.children[n])) return false;
  return !a.check || same(*a.check, *b.check);
}

}  // namespace

TEST_CASE("E1 checks joined by and, or, not, with and without blanks around parentheses") {
  all_accepted({"a", "(a)", "a and b", "a and b and(c)", "(a)and(b)", "a or b", "a or b or(c)", "(a)or(b)", "not a",
                "not not a", "not(not(a))", "a.a exists and b", "a and not b", "(a)and(b)and(c)", "not(a)"});
  CHECK(printed("a and b and(c)") == "a and b and c");
  CHECK(printed("(a)or(b)") == "a or b");
}

TEST_CASE("E2 a name may begin with a keyword") {
  for (const char* text : {"notb", "not_macro", "and_macro", "or_macro", "andb", "orb", "existsb"}) {
    const ExprPtr tree = parsed_tree(text);
    CHECK(tree->kind == Expr::Kind::kMacro);
    CHECK(tree->macro == text);
  }
  CHECK(printed("not not_macro and and_macro") == "not not_macro and and_macro");
}

TEST_CASE("E3 keywords and field names are plain text where a value stands") {
  CHECK(value_of("a.b = not") == "not");
  CHECK(value_of("a.b = a.a") == "a.a");
  CHECK(parsed_tree("a.b = a.a")->check->right == nullptr);
  const ExprPtr tree = parsed_tree("a.g in (1, 'a', b.c)");
  REQUIRE(tree->check->values.size() == 3);
  CHECK(tree->check->values[0].text == "1");
  CHECK(tree->check->values[1].text == "a");
  CHECK(tree->check->values[2].text == "b.c");
}

TEST_CASE("E4 what is no condition is refused") {
  all_refused(
      {"a andb", "aand b", "a and",   "a or",         "not",      "a and not", "and a",       "or a",
       "and",    "or",     "a not b", "(a)andnot(b)", "(a.b = 1", "(a",        "macro > 12",  "a.g in ( 1 ,, , b)",
       "#a",     "a #b",   "# only",  "a)",           "(a))",     "a.b = 1)",  "a.b = b = 1", "",
       " "});
}

TEST_CASE("E5 field arguments are bare or quoted and closed") {
  all_accepted({"a.b[1] = x", "a.b[/proc*] = x", "a.b[x.y] exists", "a.b[\"a b\"] = x", "a.b['a b'] = x",
                "a.b[\"]\"] = x", "a.b[\"\"] = x"});
  CHECK(parsed_tree("a.b['x y'] = z")->check->left.arg == "x y");
  CHECK(parsed_tree("a.b[x,y] = z")->check->left.arg == "x,y");
  all_refused({"a.b[] = x", "a.b[[] = x", "a.b[[1]] = x", "a.b[]] = x", "a.b[1]] = x", "a.b[ 1] = x", "a.b[1 ] = x",
               "a.b[a b] = x", "a.b[1 = x", "a.b[\"x = y", "a.b[\"x\" = y", "a.b[", "a.b[\"x\"y] = x"});
}

TEST_CASE("E6 strings: what may stand bare and what has to be quoted") {
  CHECK(value_of("a.b = x!@#:/\\.;$%^&*[]{}|") == "x!@#:/\\.;$%^&*[]{}|");
  CHECK(value_of("a.b = \"x y\"") == "x y");
  CHECK(value_of("a.b = 'x \"y\"'") == "x \"y\"");
  all_refused({"a.b = a,", "a.b = a=", "a.b = a(", "a.b = a b", "a.b = \"a", "a.b = a\"", "a.b = 'a", "a.b = a'",
               "a.b = \"a'", "a.b = 'a\"", "a.b = '\\\"'", "a.b = \"\\'\""});
}

TEST_CASE("E7 a backslash before a blank stands for the backslash") {
  CHECK(accepted("a.b = \"bad escape \\ \""));
  CHECK(value_of("a.b = \"bad escape \\ \"") == "bad escape \\");
  CHECK(!accepted("a.b = \"bad escape \\q\""));
}

TEST_CASE("E8 numbers after the ordering operators, any text after an equals sign") {
  for (const char* op : {">", "<", ">=", "<="}) {
    for (const char* number : {"0", "12", "-12", "+12", "0x1F", "0Xab", "1.5", "1.", "-1.5", "1e+5", "1.5e-3"}) {
      CHECK_MESSAGE(accepted(std::string("a.b ") + op + " " + number), op << number);
      CHECK_MESSAGE(accepted(std::string("a.b") + op + number), op << number);
    }
    for (const char* word : {"0aaaa", "x", "x1", "\"1\"", "'1'", "0x", "-", "1.2.3", "(1)", ""})
      CHECK_MESSAGE(!accepted(std::string("a.b ") + op + " " + word), op << word);
  }
  for (const char* text : {"0aaaa", "word", "1.2.3.4", "12", "-", "0x"})
    CHECK(value_of(std::string("a.b = ") + text) == text);
}

TEST_CASE("E9 lists: empty, quoted, bare; every comma between two values") {
  all_accepted({"a.g in ()", "a.g in ( )", "a.g in (x)", "a.g in ('x', \"y z\", z)", "a.g in ( x , y )",
                "a.g intersects (1,2)", "a.g pmatch (/etc, /usr)"});
  all_refused({"a.g in (1,)", "a.g in (x, y, )", "a.g in (,1)", "a.g in (,)", "a.g in (1", "a.g in (1, 2", "a.g in (",
               "a.g in (1 2)", "a.g in (\"x)"});
}

TEST_CASE("E10 a list needs a list operator or a modifier") {
  for (const char* op : {"contains", "icontains", "startswith", "endswith", "glob", "iglob", "regex", "bcontains",
                         "bstartswith", "=", "==", "!="}) {
    CHECK_MESSAGE(!accepted(std::string("a.b ") + op + " (x)"), op);
    CHECK_MESSAGE(!accepted(std::string("a.b ") + op + " (x, y)"), op);
    CHECK_MESSAGE(accepted(std::string("a.b ") + op + " anyof (x, y)"), op);
  }
}

TEST_CASE("E11 a list operator takes one name without parentheses") {
  for (const char* op : {"in", "intersects", "pmatch"}) {
    const ExprPtr tree = parsed_tree(std::string("a.b ") + op + " some_list");
    REQUIRE(tree->check->values.size() == 1);
    CHECK(tree->check->values[0].text == "some_list");
    CHECK(tree->check->is_list);
    CHECK_MESSAGE(!accepted(std::string("a.b ") + op + " 'quoted'"), op);
    CHECK_MESSAGE(!accepted(std::string("a.b ") + op + " 12"), op);
    CHECK_MESSAGE(!accepted(std::string("a.b ") + op), op);
  }
}

TEST_CASE("E12 signs need no blanks around them, words need one after") {
  all_accepted({"a.b=1", "a.b!=1", "a.b==1", "a.b>1", "a.b<=1", "a.b= 1", "a.b =1", "a.b in(x)", "a.b exists"});
  for (const char* op :
       {"contains", "icontains", "startswith", "endswith", "glob", "iglob", "regex", "bcontains", "bstartswith"}) {
    CHECK_MESSAGE(accepted(std::string("a.b ") + op + " 00"), op);
    CHECK_MESSAGE(accepted(std::string("a.b ") + op + "\n00"), op);
    CHECK_MESSAGE(!accepted(std::string("a.b ") + op + "00"), op);
    CHECK_MESSAGE(!accepted(std::string("a.b ") + op + "\"00\""), op);
  }
}

TEST_CASE("E13 transformers on the left side") {
  all_accepted({"tolower(a.b) = x", "toupper(tolower(a.b)) = x", "tolower(a.b[1]) = x", "tolower(a.b[\"x y\"]) = x",
                "toupper( a.b ) = x", "concat( a.b , \"x\" ) = x", "b64(a.b) exists", "len(a.b) > 3",
                "basename(a.b) in (x)"});
  all_refused({"unknown(a.b) = x", "lower(a.b) = x", "tolower (a.b) = x", "tolower() = x", "tolower(a.b = x",
               "tolower(abc) = x", "tolower(a.b)", "tolower(a.b) x"});
}

TEST_CASE("E14 transformers and fields on the right side, not within a list") {
  CHECK(parsed_tree("a.b = toupper(a.c)")->check->right->name == "toupper");
  CHECK(parsed_tree("a.b = val(a.c)")->check->right->is_value);
  CHECK(parsed_tree("a.b in val(a.c)")->check->right->name == "a.c");
  all_accepted({"a.b != val( a.c[1] )", "a.b contains val(a.c)", "a.b > val(a.c)", "a.b intersects val(a.c)",
                "a.b = toupper(tolower(a.c))", "a.b in concat(a.c, 'x')"});
  all_refused({"a.b in (toupper(a.c))", "a.b in (x, val(a.c))", "a.b in (val(a.c))"});
}

TEST_CASE("E15 val takes exactly one field and stands on the right side only") {
  all_refused({"a.b = val(val(a.c))", "a.b = val(tolower(a.c))", "val(a.b) = x", "val(a.b) = val(a.c)", "a.b = val()",
               "a.b = val(a.c, a.d)", "a.b = val(word)", "a.b = val('text')", "a.b = val(a.c",
               "a.b = tolower(val(a.c))"});
  CHECK(value_of("a.b = val") == "val");
}

TEST_CASE("E16 lists within a transformer") {
  all_accepted({"join(',', (1, 2.5, -3)) = x", "join(',', ('a', \"b c\")) = x", "join(',', (a.b, a.c[1])) = x",
                "join(',', (tolower(a.b), 'x')) = x", "join(',', ()) = x", "join(',', ( )) = x",
                "len((1, 'a', a.b)) = 3"});
  all_refused({"join(',', (bare)) = x", "join(',', (a.b, bare)) = x", "join(',', ((1))) = x",
               "join(',', ('a', ('b'))) = x", "join(',', (1,)) = x", "join(',', (1) = x"});
}

TEST_CASE("E17 an argument after a transformer belongs to getopt, others refuse it") {
  const ExprPtr tree = parsed_tree("getopt(a.b, 'c:')[c] = x");
  CHECK(tree->check->left.has_arg);
  CHECK(tree->check->left.arg == "c");
  CHECK(condition_errors("getopt((\"-c\", \"1\"), \"c:\")[c] = 1").empty());
  for (const char* name : {"tolower", "toupper", "b64", "basename", "len"}) {
    const std::string operand = std::string(name) + "(proc.name)";
    const std::string rest = std::string(name) == "len" ? " = 1" : " = x";
    CHECK_MESSAGE(condition_errors(operand + rest).empty(), name);
    CHECK_MESSAGE(has(condition_errors(operand + "[c]" + rest), "LOAD_ERR_COMPILE_CONDITION"), name);
  }
  CHECK(!condition_errors("proc.name = val(proc.pname)[1]").empty());
}

TEST_CASE("E18 oneof, anyof and allof where a list follows, else plain values") {
  for (const char* op :
       {"=", "==", "!=", "glob", "iglob", "contains", "icontains", "startswith", "endswith", "regex"}) {
    for (const char* word : {"oneof", "anyof", "allof"}) {
      const std::string begin = std::string("a.b ") + op + " " + word;
      const ExprPtr list = parsed_tree(begin + " (x, y)");
      CHECK(modifier_text(list->check->modifier) == word);
      CHECK(list->check->values.size() == 2);
      CHECK(modifier_text(parsed_tree(begin + " name")->check->modifier) == word);
      CHECK(parsed_tree(begin)->check->modifier == Modifier::kNone);
      CHECK(value_of(begin) == word);
      for (const char* keyword : {"and", "or"}) {
        const ExprPtr chain = parsed_tree(begin + " " + keyword + " c");
        CHECK(chain->children.size() == 2);
        CHECK(chain->children[0]->check->modifier == Modifier::kNone);
      }
      CHECK(!accepted(begin + " not c"));
      CHECK(!accepted(begin + "(x, y)"));
    }
  }
  CHECK(!accepted("a.b =oneof (x)"));
  CHECK(value_of("a.b =oneof") == "oneof");
}

TEST_CASE("E19 modifiers do not follow list and ordering operators") {
  for (const char* op : {"in", "intersects", "pmatch", "<", "<=", ">", ">="})
    for (const char* word : {"oneof", "anyof", "allof"}) {
      CHECK_MESSAGE(!accepted(std::string("a.b ") + op + " " + word + " (1)"), op << " " << word);
      CHECK_MESSAGE(!accepted(std::string("a.b ") + op + " " + word + " name"), op << " " << word);
    }
}

TEST_CASE("E20 every node knows offset, line and column, also over several lines") {
  const std::string text = "aa and\n  (b.c = x or\n   not tolower(d.e) in (f,\n g))";
  const ExprPtr tree = parsed_tree(text);
  auto at = [&](const Origin& origin, const char* word, int line, int column) {
    CHECK(origin.begin == text.find(word));
    CHECK(origin.position().line == line);
    CHECK(origin.position().column == column);
  };
  at(tree->origin, "aa", 1, 1);
  CHECK(tree->origin.end == text.size());
  at(tree->children[0]->origin, "aa", 1, 1);
  const Expr& either = *tree->children[1];
  at(either.origin, "b.c", 2, 4);
  at(either.children[0]->origin, "b.c", 2, 4);
  at(either.children[0]->check->op_origin, "= x", 2, 8);
  at(either.children[0]->check->values[0].origin, "x or", 2, 10);
  const Expr& negation = *either.children[1];
  at(negation.origin, "not", 3, 4);
  const CheckAst& check = *negation.children[0]->check;
  at(negation.children[0]->origin, "tolower", 3, 8);
  at(check.left.origin, "tolower", 3, 8);
  at(check.left.parts[0].origin, "d.e", 3, 16);
  at(check.op_origin, "in (", 3, 21);
  at(check.values[0].origin, "f,", 3, 25);
  at(check.values[1].origin, "g)", 4, 2);
  // ... and so do the first mistakes.
  auto wrong = parse_condition(mapped("a and\n b.c = "));
  REQUIRE(!wrong);
  CHECK(mapped("a and\n b.c = ")->position_at(wrong.error().offset).line == 2);
}

TEST_CASE("E21 nesting has a limit, which can be set") {
  auto nested = [](size_t n) { return std::string(n, '(') + "a" + std::string(n, ')'); };
  auto negated = [](size_t n) {
    std::string out;
    while (n-- > 0) out += "not ";
    return out + "a";
  };
  auto both = [](size_t n) {
    std::string out;
    for (size_t i = 0; i < n; ++i) out += "not(";
    return out + "a" + std::string(n, ')');
  };
  CHECK(accepted(nested(900)));
  for (size_t n : {1200u, 300'000u}) {
    CHECK(!accepted(nested(n)));
    CHECK(!accepted(negated(n)));
    CHECK(!accepted(both(n)));
  }
  ParseOptions shallow;
  shallow.depth_max = 10;
  CHECK(accepted(nested(9), shallow));
  CHECK(!accepted(nested(11), shallow));
  CHECK(!accepted(negated(11), shallow));
  CHECK(!accepted(both(11), shallow));
  auto wrong = parse_condition(mapped(nested(11)), shallow);
  REQUIRE(!wrong);
  CHECK(has(wrong.error().message, "10 levels"));
}

TEST_CASE("E22 two nots cancel each other") {
  CHECK(printed("not not a") == "a");
  CHECK(printed("not not not a") == "not a");
  CHECK(printed("not not not not a.b = x") == "a.b = x");
  CHECK(printed("b and not not a") == "b and a");
}

TEST_CASE("E23 what is printed parses to the same tree") {
  for (const char* text : {"a or b and not (c or d)",
                           "a.b = \"x y\"",
                           "a.b in (1, \"a,b\", '')",
                           "a.b in ()",
                           "tolower(a.b) startswith oneof (x, \"y z\")",
                           "a.b = val(a.c[\"x y\"])",
                           "a.b != oneof",
                           "a.b = \"oneof\"",
                           "join(\",\", (a.b, \"x\", 1)) = \"q\\\"uote\\\\ \"",
                           "a.b = \"ends in \\x5c\"",
                           "a.b = \"\\x01\\n\\t\\x7f\"",
                           "not a.b exists",
                           "getopt((\"-a\", \"b\"), \"a:\")[a] = x",
                           "(a and b) and c",
                           "a or (b or c)",
                           "a.b[\"]\"] = x",
                           "a.b > -1.5e+3",
                           "a.b = \"\"",
                           "a.b pmatch some_list",
                           "a.b = \"#\""}) {
    const ExprPtr tree = parsed_tree(text);
    const std::string once = to_string(*tree);
    REQUIRE_MESSAGE(accepted(once), text << " -> " << once);
    CHECK_MESSAGE(same(*tree, *parsed_tree(once)), text << " -> " << once);
  }
  std::mt19937 random(23);
  auto pick = [&](std::initializer_list<const char*> words) {
    return std::string(words.begin()[random() % words.size()]);
  };
  auto value = [&] {
    std::string raw;
    for (size_t n = random() % 6; n > 0; --n)
      raw += pick({"a", "/", " ", "\"", "'", "\\", "\n", "\x01", "=", "(", ",", "\xc3\xa9", "\xff", "#"});
    return quoted_if_needed(raw);
  };
  auto condition = [&](auto&& self, int depth) -> std::string {
    switch (random() % (depth > 4 ? 5 : 8)) {
      case 0:
        return pick({"m", "not_m", "macro2"});
      case 1:
        return pick({"a.b", "a.b[x]", "tolower(a.b)", "concat(a.b, 'x')"}) +
               pick({" = ", " != ", " glob ", " contains "}) + value();
      case 2:
        return pick({"a.b", "a.c.d"}) + pick({" in (", " intersects (", " = oneof (", " endswith allof ("}) + value() +
               ", " + value() + ")";
      case 3:
        return "a.b " + pick({"<", ">="}) + " " + pick({"1", "-2", "0x1f", "1.5"});
      case 4:
        return pick({"a.b exists", "a.b = val(a.c)", "a.b in ()", "a.b = toupper(a.c)"});
      case 5:
        return "not " + self(self, depth + 1);
      case 6:
        return "(" + self(self, depth + 1) + " and " + self(self, depth + 1) + ")";
      default:
        return "(" + self(self, depth + 1) + " or " + self(self, depth + 1) + ")";
    }
  };
  for (int round = 0; round < 500; ++round) {
    const std::string text = condition(condition, 0);
    const ExprPtr tree = parsed_tree(text);
    const std::string once = to_string(*tree);
    REQUIRE_MESSAGE(accepted(once), text << " -> " << once);
    CHECK_MESSAGE(same(*tree, *parsed_tree(once)), text << " -> " << once);
  }
}
