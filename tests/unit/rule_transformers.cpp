// What transformers give, alone and within each other.
#include <doctest/doctest.h>

#include "rule_support.h"

using namespace tiercel::rule;
using namespace tiercel::rule::test;

TEST_CASE("rule transformers: text") {
  World world;
  world.runs("BaSh", {"aGVsbG8=", "x"});
  const TestEvent event = exec_event(world);
  for (const char* condition : {"tolower(proc.name) = bash",
                                "toupper(proc.name) = BASH",
                                "basename(proc.exepath) = BaSh",
                                "toupper(basename(proc.exepath)) = BASH",
                                "basename(proc.name) = BaSh",
                                "basename(\"/a/\") = \"\"",
                                "basename(\"\") = \"\"",
                                "b64(proc.exe) = hello",
                                "b64(\"aGVsbG8\") = hello",
                                "b64(\"YQ\") = a",
                                "b64(\"YWI=\") = ab",
                                "len(proc.name) = 4",
                                "len(proc.name) > 3",
                                "len(proc.name) < 5",
                                "len(\"\") = 0",
                                "concat(proc.name, \"-\", proc.pname) = BaSh-sshd",
                                "concat(tolower(proc.name), \"x\") endswith hx",
                                "join(\",\", (proc.name, \"b\", 3, proc.pid)) = \"BaSh,b,3,300\"",
                                "join(\"\", (\"a\", \"b\")) = ab",
                                "join(\",\", ()) = \"\"",
                                "join(\",\", (\"one\")) = one",
                                "len((\"a\", \"b\", 3)) = 3",
                                "len(join(\"-\", (\"a\", \"b\"))) = 3",
                                "proc.exe = val(proc.exe)",
                                "tolower(proc.name) in (bash, zsh)",
                                "tolower(proc.name) glob b?sh",
                                "concat(proc.name, \"!\") regex \"B.*!\""})
    CHECK_MESSAGE(holds(condition, *event), condition);
  for (const char* condition :
       {"not b64(\"a\") exists and b64(\"a\") = \"\"", "b64(\"!!!!\") exists", "tolower(fd.name) exists",
        "len(fd.name) = 0", "concat(proc.name, fd.name) exists", "tolower(proc.name) = BASH"}) {
    CHECK_MESSAGE(!holds(condition, *event), condition);
  }
}

TEST_CASE("rule transformers: getopt") {
  World world;
  const TestEvent event = exec_event(world);
  auto gives = [&](const std::string& words, const std::string& accepted) {
    const Loaded loaded = load(rule_yaml("evt.num > 0", "%getopt((" + words + "), \"" + accepted + "\")"));
    if (!loaded.rules || loaded.rules->size() == 0) return loaded.diagnostics.render_all();
    Matcher matcher(loaded.rules);
    const auto matches = matcher.match(*event);
    return matcher.render(matches[0], *event).message;
  };
  auto selects = [&](const std::string& words, const std::string& accepted, const std::string& letter) {
    const Loaded loaded =
        load(rule_yaml("evt.num > 0", "%getopt((" + words + "), \"" + accepted + "\")[" + letter + "]"));
    Matcher matcher(loaded.rules);
    const auto matches = matcher.match(*event);
    return matcher.render(matches[0], *event).message;
  };
  CHECK(gives("\"-a\", \"-b\"", "ab") == "(a,b)");
  CHECK(gives("\"-ab\"", "ab") == "(a,b)");
  CHECK(gives("\"-c\", \"value\"", "c:") == "(c,value)");
  CHECK(gives("\"-cvalue\"", "c:") == "(c,value)");
  CHECK(gives("\"-abcvalue\", \"-a\"", "abc:") == "(a,b,c,value,a)");
  CHECK(gives("\"-c\", \"-x\"", "c:") == "(c,-x)");
  CHECK(gives("\"-x\"", "ab") == "(?)");
  CHECK(gives("\"-c\"", "c:") == "()");
  CHECK(gives("\"-c\"", ":c:") == "()");
  CHECK(gives("\"-a\", \"--\", \"-b\"", "ab") == "(a)");
  CHECK(gives("\"-a\", \"-\", \"-b\"", "ab") == "(a)");
  CHECK(gives("\"-a\", \"\", \"-b\"", "ab") == "(a)");
  CHECK(gives("\"-a\", \"file\", \"-b\"", "ab") == "(a)");
  CHECK(gives("\"--long\", \"-a\"", "a") == "(a)");
  CHECK(gives("", "a") == "()");
  CHECK(selects("\"-c\", \"one\", \"-c\", \"two\"", "c:", "c") == "two");
  CHECK(selects("\"-a\"", "a", "a") == "a");
  CHECK(selects("\"-a\"", "ab", "b") == "<NA>");
  CHECK(selects("\"-c\"", "c:", "c").empty());
  CHECK(holds("getopt((\"-a\", \"-b\"), \"ab\") intersects (b)", *event));
  CHECK(holds("getopt((\"-a\", \"-b\"), \"ab\") in (a, b, c)", *event));
  CHECK(!holds("getopt((\"-a\", \"-b\"), \"ab\") in (a)", *event));
  CHECK(holds("getopt((\"-p\", \"22\"), \"p:\")[p] = 22", *event));
  CHECK(holds("len(getopt((\"-a\", \"-b\"), \"ab\")) = 2", *event));
  CHECK(holds("join(\"+\", getopt((\"-a\", \"-b\"), \"ab\")) = a+b", *event));
}
