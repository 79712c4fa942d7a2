// What is refused before any event is seen: names, arguments, operators by type, values, right sides, transformers.
#include <doctest/doctest.h>

#include <set>

#include "agent/rule/literals.h"
#include "rule_support.h"

using namespace tiercel::rule;
using namespace tiercel::rule::test;

TEST_CASE("rule types: names and arguments") {
  CHECK(has(condition_errors("nosuch.field = x"), "filter_check called with nonexistent field nosuch.field"));
  CHECK(has(condition_errors("proc.Name = x"), "nonexistent field"));
  CHECK(has(condition_errors("evt.arg = x"), "requires an argument"));
  CHECK(has(condition_errors("proc.name[1] = x"), "does not take an argument"));
  CHECK(has(condition_errors("proc.aname[x] = y"), "is not a valid index"));
  CHECK(has(condition_errors("proc.aname[-1] = y"), "is not a valid index"));
  CHECK(has(condition_errors("evt.arg.nosuch = x"), "unknown event argument 'nosuch'"));
  CHECK(has(condition_errors("evt.arg[nosuch] = x"), "unknown event argument 'nosuch'"));
  CHECK(has(condition_errors("evt.type = opeen"), "unknown event type opeen"));
  CHECK(has(condition_errors("evt.type in (open, opeen)"), "unknown event type opeen"));
  CHECK(has(condition_errors("evt.type.is.opeen = 1"), "unknown event type opeen"));
  CHECK(has(condition_errors("evt.latency.quantized = 1"), "nonexistent field"));
  CHECK(has(condition_errors("evt.outputtime = x"), "nonexistent field"));
  CHECK(has(condition_errors("container.info = x"), "nonexistent field"));
  for (const char* condition : {"evt.arg[99] = x", "evt.arg.0 = x", "evt.type = container", "evt.type = getpid",
                                "evt.type = uname", "evt.type in (umount, umount2, llseek, pread, accept4)",
                                "proc.env[HOME] = x", "container.mount.dest[/proc*] = x", "container.label[a.b/c] = x",
                                "k8s.pod.name = x", "thread.cgroup.cpu = x", "fd.sip.name = x", "evt.rawarg.res = 0"})
    CHECK_MESSAGE(condition_errors(condition).empty(), condition << condition_errors(condition));
}

TEST_CASE("rule types: operator by type, the whole matrix") {
  struct Sample {
    const char* field;
    const char* value;
    bool list;
  };
  // One field of every class, with a value that fits it.
  const Sample numeric{"user.uid", "1", false}, boolean{"evt.failed", "true", false}, text{"proc.name", "x", false},
      bytes{"evt.buffer", "x", false}, address{"fd.sip", "1.2.3.4", false}, network{"fd.snet", "1.0.0.0/8", false},
      list{"fd.types", "file", true};
  const std::vector<std::string> all = {
      "=",          "==",          "!=",       "<",    "<=",    ">",     ">=", "contains",   "icontains", "bcontains",
      "startswith", "bstartswith", "endswith", "glob", "iglob", "regex", "in", "intersects", "pmatch",    "exists"};
  auto expect = [&](const Sample& sample, const std::set<std::string>& allowed) {
    for (const std::string& op : all) {
      std::string value = sample.value;
      if (op == "bcontains" || op == "bstartswith") value = "00";
      std::string condition = std::string(sample.field) + " " + op;
      if (op == "in" || op == "intersects" || op == "pmatch") value = "(" + value + ")";
      const bool order = op == "<" || op == "<=" || op == ">" || op == ">=";
      if (order && &sample != &numeric) value = "1";
      if (op != "exists") condition += " " + value;
      const bool fine = condition_errors(condition).empty();
      CHECK_MESSAGE(fine == allowed.contains(op), condition << ": " << condition_errors(condition));
    }
  };
  expect(numeric, {"=", "==", "!=", "<", "<=", ">", ">=", "in", "intersects", "exists"});
  expect(boolean, {"=", "==", "!=", "in", "intersects", "exists"});
  expect(text, {"=", "==", "!=", "<", "<=", ">", ">=", "contains", "icontains", "startswith", "endswith", "glob",
                "iglob", "regex", "in", "intersects", "pmatch", "exists"});
  expect(bytes, {"=", "==", "!=", "contains", "bcontains", "startswith", "bstartswith", "endswith", "in", "intersects",
                 "exists"});
  expect(address, {"=", "==", "!=", "in", "intersects", "exists"});
  expect(network, {"=", "==", "!=", "in", "intersects", "exists"});
  expect(list, {"in", "intersects", "exists"});
  CHECK(has(condition_errors("user.uid contains 1"), "'contains' operator not supported for numeric filters"));
  CHECK(has(condition_errors("evt.failed contains true"), "'contains' operator not supported for bool filters"));
  CHECK(has(condition_errors("fd.types = file"), "'=' operator not supported for list filters"));
}

TEST_CASE("rule types: values") {
  for (const char* condition : {"user.uid = x",
                                "user.uid = 1.5",
                                "user.uid = 0x10",
                                "user.uid > 1e+3",
                                "user.uid = \"\"",
                                "user.uid in (1, x)",
                                "user.uid = 99999999999999999999",
                                "evt.failed = 1",
                                "evt.failed = yes",
                                "evt.failed = True",
                                "fd.sip = 1.2.3",
                                "fd.sip = 1.2.3.4/8",
                                "fd.sip = host",
                                "fd.sip = \"12::xyz\"",
                                "fd.snet = 1.2.3.4",
                                "fd.snet = 1.2.3.4/33",
                                "fd.snet = \"::1/0\"",
                                "fd.snet = \"::1/129\"",
                                "fd.snet = 1.2.3.4/x",
                                "fd.sport = nosuchservice",
                                "proc.name = \"a\\x00b\"",
                                "proc.name regex (",
                                "proc.name regex \"[a\"",
                                "evt.buffer bcontains 0",
                                "evt.buffer bcontains 0g",
                                "evt.buffer bcontains \"\"",
                                "proc.name in (\"\\x00\")"})
    CHECK_MESSAGE(!condition_errors(condition).empty(), condition);
  for (const char* condition :
       {"user.uid = -1", "user.uid = +5", "user.uid = 007", "fd.sip = \"::1\"", "fd.sip = 1.2.3.4",
        "fd.snet = 0.0.0.0/0", "fd.snet = \"2001:db8::/32\"", "fd.sport = 443", "evt.buffer = \"a\\x00b\"",
        "evt.buffer bcontains 00fFaA", "proc.name = \"\"", "proc.duration <= 60000000000", "evt.rawarg.flags = 4",
        "evt.rawarg.name = x", "evt.failed = false"})
    CHECK_MESSAGE(condition_errors(condition).empty(), condition << condition_errors(condition));
  CHECK(has(condition_errors("fd.sip = nosuch"), "unrecognized IP address nosuch"));
  CHECK(has(condition_errors("fd.snet = 1.2.3.4"), "unrecognized IP network 1.2.3.4"));
  CHECK(has(condition_errors("evt.failed = 1"), "filter error: unrecognized boolean value 1"));
  CHECK(has(condition_errors("user.uid = x"), "is not a valid number"));
  CHECK(has(condition_errors("evt.rawarg.uid = 0"), "not supported"));
  std::string hint;
  CHECK(make_literal("-1", Type::kUint32, false, Op::kEq, hint).value()->value.u == UINT32_MAX);
  CHECK(make_literal("65537", Type::kUint16, false, Op::kEq, hint).value()->value.u == 1);
  CHECK(make_literal("-1", Type::kInt16, false, Op::kEq, hint).value()->value.i == -1);
}

TEST_CASE("rule types: right sides") {
  for (const char* condition :
       {"proc.name = val(proc.pname)", "proc.pid > val(proc.ppid)", "proc.name in val(proc.pname)",
        "proc.name in val(fd.filename)", "fd.sip = val(fd.cip)", "proc.name contains val(proc.exe)",
        "proc.name = toupper(proc.pname)", "len(proc.name) > len(proc.pname)", "proc.name glob val(proc.exe)"})
    CHECK_MESSAGE(condition_errors(condition).empty(), condition << condition_errors(condition));
  for (const char* condition :
       {"proc.name = val(proc.pid)", "proc.pid = val(proc.name)", "proc.name regex val(proc.pname)",
        "proc.name pmatch val(proc.pname)", "proc.name = val(proc.aname)", "fd.sip = val(fd.ip)",
        "fd.snet = val(fd.cip)", "proc.name = val(nosuch.field)", "evt.type = val(proc.name)",
        "evt.type = tolower(proc.name)", "evt.rawarg.res = val(evt.rawres)", "proc.name = val(evt.rawarg.name)",
        "evt.failed contains val(evt.failed)", "proc.name = len(proc.pname)"})
    CHECK_MESSAGE(!condition_errors(condition).empty(), condition);
  CHECK(has(condition_errors("proc.name = val(proc.pid)"), "left- and right-hand side types mismatch"));
}

TEST_CASE("rule types: transformers") {
  for (const char* condition : {"tolower(proc.pid) = x",
                                "toupper(fd.sip) = x",
                                "b64(proc.pid) = x",
                                "basename(evt.failed) = x",
                                "len(proc.pid) = 1",
                                "tolower(proc.aname) = x",
                                "tolower(proc.name)[1] = x",
                                "tolower(proc.name, proc.pname) = x",
                                "join(',', proc.name) = x",
                                "join(1, (proc.name)) = x",
                                "join(',') = x",
                                "concat(proc.name) = x",
                                "concat(proc.name, proc.pid) = x",
                                "concat(proc.name, ('a')) = x",
                                "getopt(proc.args, 'a') = x",
                                "getopt(('a'), 'a')[ab] = x",
                                "getopt(('a'), 'a')[\"\"] = x",
                                "getopt(('a'), 1) in (x)",
                                "getopt(('a'), 'a') = x",
                                "tolower(nosuch.field) = x",
                                "len(proc.name) contains 1",
                                "tolower(fd.name) > 1e",
                                "join(',', (proc.name, fd.types)) = x",
                                "toupper(evt.rawarg.name) = x"})
    CHECK_MESSAGE(!condition_errors(condition).empty(), condition);
  for (const char* condition :
       {"tolower(proc.name) = x", "len(evt.buffer) > 3", "b64(evt.buffer) contains x", "tolower(proc.aname[1]) = x",
        "getopt(('-a', 'b'), 'a:')[a] = b", "getopt(('-a'), 'a') intersects (a)",
        "join(',', (1, 'a', proc.pid, proc.name)) = x", "join(tolower(proc.name), ()) = \"\"",
        "concat(proc.name, 'x', tolower(proc.exe)) startswith x", "len(('a', 'b')) = 2",
        "toupper(basename(proc.exepath)) in (A, B)"}) {
    // proc.aname takes no transformer, with or without an index.
    const bool refused = std::string_view(condition).find("proc.aname") != std::string_view::npos;
    CHECK_MESSAGE(condition_errors(condition).empty() != refused, condition << condition_errors(condition));
  }
}
