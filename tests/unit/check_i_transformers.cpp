// Check-list, group I: what transformers give.
#include <doctest/doctest.h>

#include "check_conditions_support.h"

using namespace tiercel::rule;
using namespace tiercel::rule::test;

namespace {

TestEvent exec_of(World& world, std::string comm, std::vector<std::string> argv) {
  world.runs(std::move(comm), std::move(argv));
  return exec_event(world);
}

// What getopt gives for these words, as an output prints it.
std::string options(const std::string& words, const std::string& accepted, const std::string& letter = "") {
  World world;
  const TestEvent event = exec_event(world);
  const std::string select = letter.empty() ? "" : "[" + letter + "]";
  return rendered("%getopt((" + words + "), \"" + accepted + "\")" + select, *event).message;
}

}  // namespace

TEST_CASE("I1 tolower and toupper change ASCII letters; nothing comes of a missing value") {
  World world;
  const TestEvent event = exec_of(world, "BaSh-9_\xc3\x89", {"x"});
  all_hold({"tolower(proc.name) = \"bash-9_\xc3\x89\"", "toupper(proc.name) = \"BASH-9_\xc3\x89\"",
            "tolower(proc.name) startswith bash", "not tolower(fd.name) = x", "not tolower(fd.name) exists"},
           event);
  none_holds({"tolower(proc.name) startswith Ba", "toupper(proc.name) contains a", "tolower(fd.name) exists",
              "tolower(fd.name) = \"\"", "tolower(fd.name) != x", "toupper(fd.name) exists"},
             event);
}

TEST_CASE("I2 b64 decodes with and without padding; what is no base64 has no value") {
  World world;
  const TestEvent event = exec_of(world, "bash", {"aGVsbG8gd29ybGQ=", "x"});
  all_hold({"b64(proc.exe) = \"hello world\"", "b64(\"aGVsbG8gd29ybGQ\") = \"hello world\"", "b64(\"YQ==\") = a",
            "b64(\"YQ\") = a", "b64(\"YWI=\") = ab", "b64(\"YWI\") = ab", "b64(\"YWJj\") = abc", "b64(\"++//\") exists",
            "toupper(b64(\"YWJj\")) = ABC"},
           event);
  none_holds({"b64(\"!!!!\") exists", "b64(\"a\") exists", "b64(\"YW J\") exists", "b64(\"YWJj*\") = abc",
              "b64(\"Y=Q\") exists", "b64(fd.name) exists", "b64(proc.name) = bash"},
             event);
}

TEST_CASE("I3 basename is what follows the last slash") {
  World world;
  const TestEvent event = exec_of(world, "bash", {"/a/b"});
  all_hold({"basename(proc.exe) = b", "basename(\"/a/b\") = b", "basename(\"b\") = b", "basename(\"/a/\") = \"\"",
            "basename(\"/a/\") exists", "basename(\"\") = \"\"", "basename(\"\") exists", "basename(\"/\") = \"\"",
            "basename(\"a//b\") = b"},
           event);
  none_holds({"basename(proc.exe) = /b", "basename(proc.exe) = a", "basename(fd.name) exists"}, event);
}

TEST_CASE("I4 len: bytes of a text (up to a NUL), of a buffer, elements of a list; of an empty list 0") {
  World world;
  const TestEvent event = exec_of(world, "bash", {"bash", "-c", "echo hi"});
  all_hold(
      {"len(proc.name) = 4", "len(proc.name) > 3", "len(proc.name) < 5", "len(proc.name) >= 4", "len(proc.name) <= 4",
       "len(proc.name) != 5", "len(proc.name) in (1, 4)", "len(\"\") = 0", "len(\"a\\x00bc\") = 1",
       "len((\"a\", \"b\", 3)) = 3", "len(()) = 0", "len(getopt((\"-a\", \"-b\"), \"ab\")) = 2", "len(proc.args) = 10"},
      event);
  none_holds({"len(proc.name) > 4", "len(proc.name) < 4", "len(proc.name) = 5", "len(fd.name) = 0",
              "len(fd.name) exists", "len(fd.name) < 5"},
             event);
  // Bytes are counted whole; nothing feeds a field of bytes yet, so b64's text stands in for what loads.
  CHECK(condition_errors("len(evt.buffer) > 3").empty());
  all_refused({"len(proc.pid) = 1", "len(evt.failed) = 1", "len(fd.cip) = 1"});
}

TEST_CASE("I5 transformers within transformers") {
  World world;
  const TestEvent event = exec_of(world, "bash", {"L1Vzci9CaW4vTHM=", "x"});  // /Usr/Bin/Ls
  all_hold({"toupper(basename(proc.exepath)) = BASH", "basename(toupper(proc.exepath)) = BASH",
            "tolower(toupper(tolower(proc.name))) = bash", "tolower(basename(b64(proc.exe))) = ls",
            "len(basename(b64(proc.exe))) = 2", "tolower(concat(basename(proc.exepath), \"-X\")) = bash-x",
            "len(join(\"--\", (toupper(proc.name), \"y\"))) = 7"},
           event);
  none_holds({"toupper(basename(proc.exepath)) = bash", "toupper(basename(fd.name)) exists",
              "basename(b64(proc.name)) = bash"},
             event);
}

TEST_CASE("I6 join: a separator, and a list of literals, fields or both") {
  World world;
  const TestEvent event = exec_of(world, "bash", {"bash"});
  all_hold({"join(\",\", (\"a\", \"b\", \"c\")) = \"a,b,c\"", "join(\", \", (proc.name, proc.pname)) = \"bash, sshd\"",
            "join(\"\", (\"a\", 1, proc.name, proc.pid)) = a1bash300", "join(\"-\", (\"one\")) = one",
            "join(\"-\", (proc.name)) = bash", "join(\",\", ()) = \"\"", "join(\",\", ()) exists",
            "join(\",\", (toupper(proc.name), \"x\")) = \"BASH,x\"", "join(tolower(\"X\"), (\"a\", \"b\")) = axb",
            "join(\"+\", getopt((\"-a\", \"-b\"), \"ab\")) = a+b", "join(proc.name, (\"1\", \"2\")) = 1bash2"},
           event);
  all_refused({"join(1, (\"a\")) = x", "join(proc.pid, (\"a\")) = x", "join((\"a\"), (\"b\")) = x",
               "join(\",\", \"a\") = x", "join(\",\", proc.name) = x", "join(\",\") = x", "join((\"a\")) = x",
               "join(\",\", (\"a\"), (\"b\")) = x"});
}

TEST_CASE("I7 concat: two or more texts, fields or nested; no lists") {
  World world;
  const TestEvent event = exec_of(world, "bash", {"bash"});
  all_hold({"concat(proc.name, \"-x\") = bash-x", "concat(\"a\", \"b\") = ab", "concat(\"a\", \"\", \"c\") = ac",
            "concat(proc.name, \"<\", proc.pname, \">\") = \"bash<sshd>\"",
            "concat(toupper(proc.name), concat(\"1\", \"2\")) = BASH12"},
           event);
  none_holds(
      {"concat(proc.name, fd.name) exists", "concat(fd.name, \"x\") = x", "concat(\"a\", toupper(fd.name)) exists"},
      event);
  all_refused({"concat(\"x\") = x", "concat(proc.name) = x", "concat((\"a\", \"b\"), \"c\") = x",
               "concat(\"a\", (\"b\")) = x", "concat(\"a\", getopt((\"-a\"), \"a\")) = x", "concat() = x"});
}

TEST_CASE("I8 getopt reads short options as POSIX does") {
  CHECK(options("\"-a\", \"-b\"", "ab") == "(a,b)");
  CHECK(options("\"-c\", \"value\"", "c:") == "(c,value)");              // detached
  CHECK(options("\"-cvalue\"", "c:") == "(c,value)");                    // attached
  CHECK(options("\"-ab\", \"-c\"", "abc") == "(a,b,c)");                 // a bundle
  CHECK(options("\"-abcvalue\", \"-a\"", "abc:") == "(a,b,c,value,a)");  // its last one takes the rest
  CHECK(options("\"-ac\", \"value\"", "ac:") == "(a,c,value)");
  CHECK(options("\"-c\", \"-x\"", "c:") == "(c,-x)");  // an argument may begin with a dash
  CHECK(options("\"-a\", \"--\", \"-b\"", "ab") == "(a)");
  CHECK(options("\"-a\", \"-\", \"-b\"", "ab") == "(a)");
  CHECK(options("\"-a\", \"\", \"-b\"", "ab") == "(a)");
  CHECK(options("\"-x\", \"-a\"", "a") == "(?,a)");
  CHECK(options("\"-c\"", "c:") == "()");  // one empty text, without the letter
  CHECK(options("\"-c\"", ":c:") == "()");
  CHECK(options("\"--long\", \"-a\", \"--other=1\", \"-b\"", "ab") == "(a,b)");
  CHECK(options("\"-a\", \"file\", \"-b\"", "ab") == "(a)");
  CHECK(options("", "a") == "()");
  CHECK(options("\"-a\"", "a", "a") == "a");
  CHECK(options("\"-a\"", "ab", "b") == "<NA>");
  CHECK(options("\"-c\", \"one\", \"-c\", \"two\"", "c:", "c") == "two");
  CHECK(options("\"-c\"", "c:", "c").empty());
  World world;
  const TestEvent event = exec_event(world);
  all_hold({"getopt((\"-c\"), \"c:\")[c] = \"\"", "getopt((\"-c\"), \"c:\")[c] exists",
            "len(getopt((\"-c\"), \"c:\")) = 1", "len(getopt((), \"c:\")) = 0",
            "getopt((\"-p\", \"22\"), \"p:\")[p] = 22", "getopt((\"-a\", \"-b\"), \"ab\") in (a, b)"},
           event);
  none_holds({"getopt((\"-a\"), \"ab\")[b] exists", "getopt((\"-x\"), \"ab\")[b] exists"}, event);
  all_refused({"getopt((\"-a\"), \"a\")[\"\"] = a", "getopt((\"-a\"), \"a\")[ab] = a",
               "getopt(\"-a\", \"a\") intersects (a)", "getopt(proc.args, \"a\") intersects (a)",
               "getopt((\"-a\"), 1) intersects (a)", "getopt((\"-a\"), (\"a\")) intersects (a)",
               "getopt((\"-a\")) intersects (a)", "getopt((\"-a\"), \"a\", \"b\") intersects (a)"});
}

TEST_CASE("I9 what join and concat give may be transformed and compared with every text operator") {
  World world;
  const TestEvent event = exec_of(world, "bash", {"bash"});
  for (const std::string made : {"concat(proc.name, \"/\", \"Dir\")", "join(\"/\", (proc.name, \"Dir\"))"}) {
    for (const char* rest :
         {"= bash/Dir", "== bash/Dir", "!= bash", "contains h/D", "icontains H/d", "startswith bash/", "endswith /Dir",
          "glob ba*r", "iglob BA*R", "regex \"bash/[A-Z]ir\"", "in (x, bash/Dir)", "intersects (bash/Dir)",
          "pmatch (/bash)", "exists", "= anyof (x, bash/Dir)"})
      CHECK_MESSAGE(holds(made + " " + rest, *event), made << " " << rest);
    for (const char* rest : {"= bash/dir", "!= bash/Dir", "contains x", "startswith /", "glob ba", "regex bash",
                             "in (x)", "pmatch (/dir)", "= oneof (bash/Dir, bash/Dir)"})
      CHECK_MESSAGE(!holds(made + " " + rest, *event), made << " " << rest);
    CHECK(holds("toupper(" + made + ") = BASH/DIR", *event));
    CHECK(holds("basename(" + made + ") = Dir", *event));
    CHECK(holds("len(" + made + ") = 8", *event));
    CHECK(holds("proc.name != " + made, *event));
    CHECK(holds("concat(" + made + ", \"!\") endswith r!", *event));
  }
}
