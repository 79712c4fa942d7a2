// Check-list H6 to H8: right sides, transformers and advice on values; D5 to D7: for which event types a rule is run.
#include <doctest/doctest.h>

#include <memory>

#include "agent/rule/event_names.h"
#include "agent/rule/event_set.h"
#include "agent/rule/parser.h"
#include "check_rules_support.h"

using namespace tiercel::rule;
using namespace tiercel::rule::test;

namespace {

// The set of a condition as it stands, before any value is looked at.
EventSet set_of(const std::string& condition) {
  auto parsed = parse_condition(std::make_shared<const MappedText>(MappedText(condition, {})));
  if (!parsed) throw std::runtime_error(condition + ": " + parsed.error().message);
  return event_set_of(*parsed->expr);
}

size_t visible_events() {
  size_t out = 0;
  for (size_t n = 0; n < event_number_count(); ++n) out += event_is_visible(n) ? 1 : 0;
  return out;
}

bool admits(const EventSet& set, const char* name) {
  return set.numbers[*event_number(name)];
}

// Exactly these event types.
void check_set(const std::string& condition, const std::vector<const char*>& names) {
  const EventSet set = set_of(condition);
  CHECK_MESSAGE(set.count() == names.size(), condition << ": " << set.count());
  for (const char* name : names) CHECK_MESSAGE(admits(set, name), condition << ": " << name);
}

void check_all(const std::string& condition) {
  CHECK_MESSAGE(set_of(condition).count() == visible_events(), condition << ": " << set_of(condition).count());
}

void check_all_but(const std::string& condition, const std::vector<const char*>& names) {
  const EventSet set = set_of(condition);
  CHECK_MESSAGE(set.count() == visible_events() - names.size(), condition << ": " << set.count());
  for (const char* name : names) CHECK_MESSAGE(!admits(set, name), condition << ": " << name);
}

}  // namespace

TEST_CASE("H6 both sides have one type, and not every field can stand on the right") {
  for (const char* condition :
       {"proc.name = val(proc.pname)", "proc.name != val(proc.pname)", "proc.pid >= val(proc.ppid)",
        "proc.name in val(proc.pname)", "proc.name contains val(proc.exe)", "proc.name glob val(proc.exe)",
        "fd.sip = val(fd.cip)", "evt.failed = val(evt.is_io)", "proc.name = toupper(proc.pname)",
        "len(proc.name) > len(proc.pname)", "proc.aname[1] = val(proc.name)", "proc.name startswith val(proc.args[0])"})
    CHECK_MESSAGE(condition_errors(condition).empty(), condition << condition_errors(condition));
  for (const char* condition : {"proc.name = val(proc.pid)", "proc.pid = val(proc.name)", "proc.pid = val(user.uid)",
                                "proc.name = len(proc.pname)", "fd.sip = val(proc.name)", "evt.failed = val(proc.pid)",
                                "proc.pid = tolower(proc.name)"})
    CHECK_MESSAGE(
        condition_errors(condition) == "LOAD_ERR_COMPILE_CONDITION left- and right-hand side types mismatch\n",
        condition << condition_errors(condition));
  for (const char* condition : {"getopt(('-a'), 'a') in val(proc.name)", "proc.name = getopt(('-a'), 'a')",
                                "len(proc.name) = getopt(('-a'), 'a')"})
    CHECK_MESSAGE(!condition_errors(condition).empty(), condition);
  for (const char* field : {"proc.aname", "proc.aexe", "proc.aexepath", "proc.acmdline", "proc.apid", "fd.ip", "fd.net",
                            "fd.port", "evt.rawarg.res", "evt.around[1]", "nosuch.field"})
    CHECK_MESSAGE(!condition_errors(std::string("proc.name = val(") + field + ")").empty(), field);
  for (const char* condition :
       {"proc.name regex val(proc.pname)", "proc.name pmatch val(proc.pname)", "proc.name regex tolower(proc.pname)",
        "fd.snet = val(fd.cip)", "fd.snet in val(fd.cnet)", "fd.sip in val(fd.snet)",
        "evt.rawarg.res = val(evt.rawres)"})
    CHECK_MESSAGE(!condition_errors(condition).empty(), condition);
}

TEST_CASE("H7 transformers: types, fields that take none, number of arguments") {
  for (const char* condition :
       {"tolower(proc.pid) = x", "toupper(fd.sip) = x", "tolower(evt.failed) = x", "tolower(evt.buffer) = x",
        "b64(proc.pid) = x", "basename(proc.pid) = x", "basename(evt.buffer) = x", "len(proc.pid) = 1",
        "len(fd.sip) = 1", "join(',', proc.name) = x", "join(proc.pid, (proc.name)) = x",
        "concat(proc.name, proc.pid) = x", "concat(proc.name, ('a')) = x", "getopt(proc.args, 'a') in (a)",
        "getopt(('a'), ('a')) in (a)"})
    CHECK_MESSAGE(has(condition_errors(condition), "LOAD_ERR_COMPILE_CONDITION "), condition);
  for (const char* condition : {"tolower(proc.aname) = x", "len(proc.aexe) = 1", "toupper(proc.aname[1]) = x",
                                "tolower(evt.rawarg.name) = x", "concat(proc.acmdline, 'x') = x", "len(fd.net) = 1"})
    CHECK_MESSAGE(has(condition_errors(condition), "LOAD_ERR_COMPILE_CONDITION "), condition);
  for (const char* condition : {"tolower(proc.name, proc.pname) = x", "len(proc.name, proc.pname) = 1", "join(',') = x",
                                "join(',', ('a'), ('b')) = x", "concat(proc.name) = x", "getopt(('a')) in (a)",
                                "getopt(('a'), 'a', 'b') in (a)", "tolower(proc.name)[1] = x",
                                "getopt(('a'), 'a')[ab] = x", "getopt(('a'), 'a')[\"\"] = x", "tolower() = x"})
    CHECK_MESSAGE(has(condition_errors(condition), "LOAD_ERR_COMPILE_CONDITION "), condition);
  for (const char* condition :
       {"tolower(proc.name) = x", "toupper(fs.path.name) = X", "b64(proc.name) = x", "b64(evt.buffer) contains x",
        "basename(proc.exepath) = x", "len(evt.buffer) > 3", "len(fd.types) = 1", "len(('a', 'b')) = 2",
        "join(',', ('a', proc.name, 5, proc.pid)) = x", "concat(proc.name, 'x', proc.pname) = x",
        "getopt(('-a'), 'a:')[a] = x", "toupper(basename(tolower(proc.exe))) = X"})
    CHECK_MESSAGE(condition_errors(condition).empty(), condition << condition_errors(condition));
}

TEST_CASE("H8 advice: a regex that could be simpler, a field or a transformer that is only a text") {
  auto advice = [](const std::string& condition) {
    return strict_warnings(rule_item("r", "'evt.type = openat and " + condition + "'"));
  };
  const std::string code = "LOAD_COMPILE_CONDITION 'regex' is a costly way to say '";
  CHECK(advice("proc.name regex \".*ssh.*\"") == code + "contains'\n");
  CHECK(advice("proc.name regex \"ssh.*\"") == code + "startswith'\n");
  CHECK(advice("proc.name regex \".*ssh\"") == code + "endswith'\n");
  CHECK(advice("proc.name regex ssh") == code + "='\n");
  for (const char* regex : {"\"s+h\"", "\".*[ab].*\"", "\"a|b\"", "\"ss.h\""})
    CHECK_MESSAGE(advice(std::string("proc.name regex ") + regex).empty(), regex);
  CHECK(advice("proc.name = proc.pname") ==
        "LOAD_COMPILE_CONDITION 'proc.pname' may be a valid field misused as a const string value\n");
  CHECK(has(advice("proc.name in (a, fd.name)"), "'fd.name' may be a valid field misused"));
  CHECK(has(advice("proc.name = \"evt.arg.flags\""), "may be a valid field misused"));
  CHECK(has(advice("proc.name = \"tolower(proc.pname)\""),
            "LOAD_COMPILE_CONDITION 'tolower(proc.pname)' may be a valid field transformer misused as a const string"));
  for (const char* fine : {"proc.name = val(proc.pname)", "proc.name = a.b", "proc.name = nosuch.field",
                           "proc.name = tolower(proc.pname)", "proc.name = \"lower(x)\"", "fd.sip = 1.2.3.4"})
    CHECK_MESSAGE(advice(fine).empty(), fine << advice(fine));
}

TEST_CASE("D5 comparisons of evt.num that are constants decide the event types") {
  for (const char* never : {"evt.num = 0", "evt.num == 0", "evt.num < 1", "evt.num < 0", "evt.num <= 0",
                            "evt.num in (0)", "evt.num in (0, 0)", "evt.num in ()"}) {
    check_set(never, {});
    check_all(std::string("not ") + never);
    check_set(std::string("evt.type = open and ") + never, {});
    check_set(std::string("evt.type = open or ") + never, {"open"});
  }
  for (const char* always : {"evt.num != 0", "evt.num > 0", "evt.num >= 0", "evt.num >= 1"}) {
    check_all(always);
    check_set(std::string("not ") + always, {});
    check_set(std::string("evt.type = open and ") + always, {"open"});
  }
  for (const char* neutral : {"evt.num = 0x0", "evt.num < 0x1", "evt.num >= -1", "evt.num = 1", "evt.num > 1.5",
                              "evt.num in (0, 1)", "evt.num <= 0.0", "evt.num exists"}) {
    check_all(neutral);
    check_all(std::string("not ") + neutral);
  }
  World world;
  CHECK(hits(rule_item("r1", "evt.num = 0") + rule_item("r2", "not evt.num = 0") + rule_item("r3", "evt.num in ()"),
             *exec_event(world)) == "r2 ");
  // Only looked at for the types: as a value of a number field, these are none.
  for (const char* refused : {"evt.num = 0x0", "evt.num > 1.5"})
    CHECK_MESSAGE(has(condition_errors(refused), "is not a valid number"), refused);
  CHECK(condition_errors("evt.num >= -1").empty());
}

TEST_CASE("D6 evt.type exists is every type; no transformer and no field beside evt.type") {
  check_all("evt.type exists");
  check_set("not evt.type exists", {});
  check_set("evt.type exists and evt.type = open", {"open"});
  for (const char* condition :
       {"tolower(evt.type) = open", "toupper(evt.type) in (OPEN)", "len(evt.type) = 4", "evt.type = val(proc.name)",
        "evt.type = tolower(proc.name)", "evt.type in val(proc.name)", "concat(evt.type, 'x') = openx",
        "syscall.type = val(proc.name)"})
    CHECK_MESSAGE(has(condition_errors(condition), "LOAD_ERR_COMPILE_CONDITION "), condition);
}

TEST_CASE("D7 contradictions are no event type at all, tautologies are every one") {
  check_set("evt.type = open and evt.type = close", {});
  check_set("evt.type = open and not evt.type = open", {});
  check_set("evt.type in ()", {});
  check_set("evt.type in (open, openat) and evt.type in (close, openat)", {"openat"});
  check_all("evt.type = open or evt.type != open");
  check_all("not (evt.type = open and evt.type = close)");
  check_all("evt.type = open or not evt.type = open");
  check_all_but("evt.type != open", {"open"});
  check_all_but("not (evt.type = open or evt.type in (close, openat))", {"open", "close", "openat"});
  check_set("not (evt.type != open and evt.type != close)", {"open", "close"});
  check_set("not not evt.type = open", {"open"});
  // What says nothing of the type leaves it open, also when it is negated.
  check_set("evt.type = open and not proc.name = x", {"open"});
  check_all("evt.type = open or not proc.name = x");
  check_all("not proc.name = x");
  check_all("not (evt.type = open and proc.name = x)");
  check_all_but("not (evt.type = open or proc.name = x)", {"open"});
  check_all("evt.type startswith op");
  World world;
  const std::string text = rule_item("r1", "evt.type = execve and evt.type = open") +
                           rule_item("r2", "evt.type = execve or evt.type != execve") +
                           rule_item("r3", "not (evt.type != execve)") + rule_item("r4", "evt.type != execve");
  CHECK(hits(text, *exec_event(world)) == "r2 r3 ");
}
