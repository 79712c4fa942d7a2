// Check-list H1 to H5: which operators, values, names and arguments a field takes. Expectations are written out from
// the language's reference, not taken from the code.
#include <doctest/doctest.h>

#include <map>
#include <set>
#include <sstream>

#include "agent/rule/event_names.h"
#include "agent/rule/fields.h"
#include "check_rules_support.h"

using namespace tiercel::rule;
using namespace tiercel::rule::test;

namespace {

using Words = std::set<std::string>;

const Words kEvery = {
    "=",          "==",          "!=",       "<",    "<=",    ">",     ">=", "contains",   "icontains", "bcontains",
    "startswith", "bstartswith", "endswith", "glob", "iglob", "regex", "in", "intersects", "pmatch",    "exists"};
const Words kSets = {"=", "==", "!=", "in", "intersects", "exists"};
const Words kNumbers = {"=", "==", "!=", "<", "<=", ">", ">=", "in", "intersects", "exists"};
const Words kTexts = {"=",          "==",       "!=",   "<",     "<=",    ">",  ">=",         "contains", "icontains",
                      "startswith", "endswith", "glob", "iglob", "regex", "in", "intersects", "pmatch",   "exists"};
const Words kBytes = {"=",          "==",       "!=",         "contains",  "in",         "exists",
                      "startswith", "endswith", "intersects", "bcontains", "bstartswith"};
const Words kLists = {"in", "intersects", "exists"};
const Words kOnlyExists = {"exists"};

struct Row {
  const char* type;   // Falco's name
  const char* field;  // one that has it
  const char* value;  // one that fits it
  const Words& allowed;
  const char* kind;  // in "'x' operator not supported for ... filters"
};

// Every type of the reference's table that some field or event parameter has.
const Row kMatrix[] = {
    {"INT16", "evt.cpu", "1", kNumbers, "numeric"},
    {"INT32", "fd.dev.major", "1", kNumbers, "numeric"},
    {"INT64", "proc.pid", "1", kNumbers, "numeric"},
    {"UINT32", "user.uid", "1", kNumbers, "numeric"},
    {"UINT64", "evt.num", "1", kNumbers, "numeric"},
    {"DOUBLE", "thread.cpu", "1", kNumbers, "numeric"},
    {"RELTIME", "proc.duration", "1", kNumbers, "numeric"},
    {"ABSTIME", "evt.rawtime", "1", kNumbers, "numeric"},
    {"PORT", "fd.sport", "443", kNumbers, "numeric"},
    {"PORT, either end", "fd.port", "443", kNumbers, "numeric"},
    {"INT64, any ancestor", "proc.apid", "1", kNumbers, "numeric"},
    {"FD", "evt.rawarg.dirfd", "1", kNumbers, "numeric"},
    {"PID", "evt.rawarg.ptid", "1", kNumbers, "numeric"},
    {"ERRNO", "evt.rawarg.res", "1", kNumbers, "numeric"},
    {"FLAGS32", "evt.rawarg.flags", "1", kNumbers, "numeric"},
    {"ENUMFLAGS32", "evt.rawarg.domain", "1", kNumbers, "numeric"},
    {"MODE", "evt.rawarg.mode", "1", kNumbers, "numeric"},
    {"BOOL", "evt.failed", "true", kSets, "bool"},
    {"CHARBUF", "proc.name", "x", kTexts, "string"},
    {"CHARBUF, with an argument", "proc.aname[2]", "x", kTexts, "string"},
    {"CHARBUF, any ancestor", "proc.aname", "x", kTexts, "string"},
    {"CHARBUF, of an event", "evt.arg.flags", "x", kTexts, "string"},
    {"CHARBUF, a path", "fs.path.name", "/x", kTexts, "string"},
    {"CHARBUF, made", "toupper(proc.name)", "X", kTexts, "string"},
    {"UINT64, made", "len(proc.name)", "3", kNumbers, "numeric"},
    {"FSPATH", "evt.rawarg.path", "/x", kTexts, "string"},
    {"BYTEBUF", "evt.buffer", "x", kBytes, "byte buffer"},
    {"BYTEBUF, of an event", "evt.rawarg.data", "x", kBytes, "byte buffer"},
    {"IPADDR", "fd.sip", "1.2.3.4", kSets, "ip address and network"},
    {"IPADDR, either end", "fd.ip", "1.2.3.4", kSets, "ip address and network"},
    {"IPNET", "fd.snet", "1.0.0.0/8", kSets, "ip address and network"},
    {"IPNET, either end", "fd.net", "1.0.0.0/8", kSets, "ip address and network"},
    {"CHARBUF list", "fd.types", "file", kLists, "list"},
    {"CHARBUF list, made", "getopt(('-a'), 'a')", "a", kLists, "list"},
    {"UID", "evt.rawarg.uid", "1", kOnlyExists, nullptr},
    {"GID", "evt.rawarg.gid", "1", kOnlyExists, nullptr},
    {"SOCKTUPLE", "evt.rawarg.tuple", "x", kOnlyExists, nullptr},
};

std::string comparison(const Row& row, const std::string& op) {
  const std::string field = row.field;
  if (op == "exists") return field + " exists";
  if (op == "in" || op == "intersects" || op == "pmatch") return field + " " + op + " (" + row.value + ")";
  if (op == "<" || op == "<=" || op == ">" || op == ">=") return field + " " + op + " 1";
  if (op == "bcontains" || op == "bstartswith") return field + " " + op + " 00";
  return field + " " + op + " " + row.value;
}

}  // namespace

TEST_CASE("H1 operator by type: every pair of the table, over a field of every type") {
  for (const Row& row : kMatrix) {
    for (const std::string& op : kEvery) {
      const std::string condition = comparison(row, op);
      const std::string errors = condition_errors(condition);
      INFO(row.type << ": " << condition << ": " << errors);
      CHECK(errors.empty() == row.allowed.contains(op));
      if (row.allowed.contains(op) || !row.kind) continue;
      // "==" is told as "=": they are one operator.
      CHECK(errors == "LOAD_ERR_COMPILE_CONDITION '" + (op == "==" ? "=" : op) + "' operator not supported for " +
                          row.kind + " filters\n");
    }
  }
  // What no row has is not to be had: each field of the language has a type of one of the rows.
  std::set<std::string> covered = {"UINT16", "DYN", "OPAQUE"};  // parameters only
  for (const Row& row : kMatrix)
    if (const FieldInfo* field = field_by_name(row.field)) covered.insert(std::string(type_text(field->type)));
  for (const FieldInfo& field : all_fields())
    if (!field.of_alert)  // rule_verdict.cpp
      CHECK_MESSAGE(covered.contains(std::string(type_text(field.type))), field.name << " " << type_text(field.type));
}

TEST_CASE("H1 operator by type: modifiers follow the operator that they modify") {
  for (const char* modifier : {"oneof", "anyof", "allof"}) {
    for (const char* op : {"=", "!=", "contains", "icontains", "startswith", "endswith", "glob", "iglob", "regex"})
      CHECK_MESSAGE(condition_errors(std::string("proc.name ") + op + " " + modifier + " (a, b)").empty(), op);
    for (const char* op : {"=", "!="}) {
      CHECK(condition_errors(std::string("proc.pid ") + op + " " + modifier + " (1, 2)").empty());
      CHECK(condition_errors(std::string("fd.sip ") + op + " " + modifier + " (1.2.3.4)").empty());
    }
    CHECK(has(condition_errors(std::string("proc.pid contains ") + modifier + " (1, 2)"), "not supported for numeric"));
    CHECK(has(condition_errors(std::string("proc.name bcontains ") + modifier + " (00)"), "not supported for string"));
    CHECK(has(condition_errors(std::string("fd.types = ") + modifier + " (file)"), "not supported for list"));
    for (const char* op : {"in", "pmatch", "intersects", "<", ">="})
      CHECK_MESSAGE(!condition_errors(std::string("proc.name ") + op + " " + modifier + " (a)").empty(), op);
  }
}

TEST_CASE("H2 a value has to be one of the field's type") {
  const std::map<std::string, std::vector<const char*>> wrong = {
      {"proc.pid = ", {"x", "1.0", "0x10", "1e+3", "\"\"", "\"1 \"", "--1", "99999999999999999999"}},
      {"evt.num = ", {"0x1", "1.5", "one"}},
      {"proc.duration > ", {"1.5", "0x10", "1e+3"}},
      {"thread.cpu = ", {"0.5", "x"}},
      {"evt.failed = ", {"1", "0", "yes", "True", "TRUE", "\"\""}},
      {"fd.sport = ", {"nosuchservice", "0x50", "-x"}},
      {"fd.sip = ",
       {"1.2.3", "1.2.3.4.5", "1.2.3.256", "localhost", "1.2.3.4/8", "12", "\"::1::\"", "\"::ffff:1.2.3.4\"", "\"\"",
        "1.2.3.4,5"}},
      {"fd.snet = ",
       {"1.2.3.4", "\"::1\"", "1.2.3.4/33", "1.2.3.4/-1", "1.2.3.4/", "/8", "\"::1/0\"", "\"::1/129\"", "1.2.3.4/+8",
        "1.2.3/8", "\"::ffff:1.2.3.4/120\""}},
      {"evt.buffer bcontains ", {"0", "0g", "xyz", "\"\"", "\"00 00\""}},
      {"proc.name regex ", {"\"(\"", "\"[a\"", "\"*\"", "\"a{2,1}\""}},
  };
  for (const auto& entry : wrong)
    for (const char* value : entry.second)
      CHECK_MESSAGE(!condition_errors(entry.first + value).empty(), entry.first << value);
  const std::map<std::string, std::vector<const char*>> right = {
      {"proc.pid = ", {"0", "-1", "+5", "007", "9223372036854775807"}},
      {"user.uid = ", {"-1", "4294967295"}},
      {"proc.duration > ", {"60000000000"}},
      {"evt.failed = ", {"true", "false", "\"true\""}},
      {"fd.sport = ", {"443", "ssh", "0"}},
      {"fd.sip = ", {"1.2.3.4", "\"1.2.3.4\"", "::1", "\"2001:db8::1\"", "::"}},
      {"fd.snet = ", {"0.0.0.0/0", "10.0.0.0/8", "1.2.3.4/32", "\"2001:db8::/32\"", "::1/128", "\"::/1\""}},
      {"evt.buffer bcontains ", {"00fF", "DEADBEEF"}},
      {"evt.buffer = ", {"\"a\\x00b\"", "x"}},
      {"proc.name = ", {"\"\"", "12", "0x10", "null"}},
  };
  for (const auto& entry : right)
    for (const char* value : entry.second) {
      const std::string condition = entry.first + value;
      CHECK_MESSAGE(condition_errors(condition).empty(), condition << ": " << condition_errors(condition));
    }
  CHECK(condition_errors("proc.pid = x") == "LOAD_ERR_COMPILE_CONDITION 'x' is not a valid number\n");
  CHECK(condition_errors("evt.failed = 1") ==
        "LOAD_ERR_COMPILE_CONDITION filter error: unrecognized boolean value 1\n");
  CHECK(condition_errors("fd.sip = x") == "LOAD_ERR_COMPILE_CONDITION unrecognized IP address x\n");
  CHECK(condition_errors("fd.snet = 1.2.3.4") == "LOAD_ERR_COMPILE_CONDITION unrecognized IP network 1.2.3.4\n");
  CHECK(condition_errors("fd.sport = nosuchservice") ==
        "LOAD_ERR_COMPILE_CONDITION unrecognized protocol nosuchservice\n");
  // Every wrong member of a list is told.
  CHECK(condition_errors("proc.pid in (1, x, 2, y)") ==
        "LOAD_ERR_COMPILE_CONDITION 'x' is not a valid number\nLOAD_ERR_COMPILE_CONDITION 'y' is not a valid number\n");
}

TEST_CASE("H3 a NUL byte in a text value is an error, in bytes it is not") {
  for (const char* condition :
       {"proc.name = \"a\\x00b\"", "proc.name = \"\\x00\"", "proc.name in (a, \"\\x00\")",
        "proc.name contains \"\\x00\"", "fs.path.name startswith '/a\\x00'", "proc.name startswith oneof (\"\\x00\")"})
    CHECK_MESSAGE(has(condition_errors(condition), "LOAD_ERR_COMPILE_CONDITION "), condition);
  for (const char* condition : {"evt.buffer = \"\\x00\"", "evt.buffer contains \"a\\x00b\"", "proc.name = \"a\\x01b\""})
    CHECK_MESSAGE(condition_errors(condition).empty(), condition);
}

TEST_CASE("H4 unknown fields, arguments that are missing, unexpected or no index") {
  for (const char* field :
       {"nosuch.field", "proc.Name", "fd.dport", "fd.direction", "container.image.name", "proc.path", "proc.nam",
        "evt.latency.quantized", "thread.nametid", "evt.outputtime", "k8s.nosuch.name"})
    CHECK_MESSAGE(
        condition_errors(std::string(field) + " = x") ==
            std::string("LOAD_ERR_COMPILE_CONDITION filter_check called with nonexistent field ") + field + "\n",
        field);
  for (const char* field : {"evt.arg", "evt.rawarg", "evt.type.is", "thread.cgroup", "container.mount",
                            "container.mount.dest", "k8s.pod.label", "container.label"})
    CHECK_MESSAGE(has(condition_errors(std::string(field) + " exists"), "requires an argument"), field);
  for (const char* field : {"proc.name[1]", "proc.pid[x]", "evt.type[open]", "fd.name['']"})
    CHECK_MESSAGE(has(condition_errors(std::string(field) + " exists"), "does not take an argument"), field);
  for (const char* field : {"proc.aname[x]", "proc.aname[-1]", "proc.apid[1x]", "proc.acmdline[ ]", "proc.args[a]"})
    CHECK_MESSAGE(!condition_errors(std::string(field) + " exists").empty(), field);
  for (const char* field :
       {"proc.aname[0]", "proc.aname[7]", "proc.aname[\"2\"]", "proc.args[3]", "proc.env[HOME]", "proc.aenv[3]",
        "evt.arg[0]", "evt.arg.0", "evt.arg.flags", "evt.arg[flags]", "evt.type.is.open", "evt.type.is[open]",
        "evt.abspath.src", "thread.cgroup.cpu", "container.mount.dest[/proc*]", "container.mount.dest[\"/a b\"]",
        "container.label[a.b/c]", "k8s.pod.label[app]", "proc.aname.2"})
    CHECK_MESSAGE(condition_errors(std::string(field) + " exists").empty(),
                  field << condition_errors(std::string(field) + " exists"));
}

TEST_CASE("H5 unknown event types and parameters are errors") {
  for (const char* condition : {"evt.type = nosuch", "evt.type != nosuch", "evt.type in (open, nosuch)",
                                "syscall.type = nosuch", "evt.type.is.nosuch = 1", "evt.type intersects (nosuch)"})
    CHECK_MESSAGE(condition_errors(condition) == "LOAD_ERR_COMPILE_CONDITION unknown event type nosuch\n", condition);
  for (const char* condition : {"evt.arg.nosuch = x", "evt.arg[nosuch] = x", "evt.rawarg.nosuch = 1"})
    CHECK_MESSAGE(condition_errors(condition) == "LOAD_ERR_COMPILE_CONDITION unknown event argument 'nosuch'\n",
                  condition);
  for (const char* type : {"open", "openat2", "execve", "clone3", "container", "procexit", "switch", "io_uring_enter",
                           "getpid", "umount2", "finit_module", "signaldeliver", "userfaultfd"})
    CHECK_MESSAGE(condition_errors(std::string("evt.type = ") + type).empty(), type);
  CHECK(condition_errors("evt.arg[99] = x").empty());
}

TEST_CASE("H5 a parameter has the type of the first event of the table that has one of its name") {
  if (shared_dir().empty()) {
    MESSAGE("no reference data beside the checkout");
    return;
  }
  std::istringstream lines(read_text(shared_dir() / "reference/falco-rules.md"));
  std::map<std::string, std::string> first;
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("## ")) inside = line.starts_with("## 5.4");
    for (size_t at = line.find('`');
         inside && line.starts_with("| ") && !has(line, "| ITER |") && at != std::string::npos;) {
      const size_t end = line.find("`:", at + 1);
      if (end == std::string::npos) break;
      const size_t stop = line.find_first_of("/, |", end + 2);
      first.try_emplace(line.substr(at + 1, end - at - 1), line.substr(end + 2, stop - end - 2));
      at = line.find('`', stop);
    }
  }
  CHECK(first.size() > 150);
  // Sizes and signs of numbers do not matter here; that they are numbers does.
  auto kind = [](std::string_view type) -> std::string {
    if (type == "CHARBUF" || type == "FSPATH" || type == "FSRELPATH") return "text";
    for (const char* other :
         {"BYTEBUF", "CHARBUFARRAY", "BOOL", "UID", "GID", "SOCKADDR", "SOCKTUPLE", "FDLIST", "SIGSET", "DYN", "none"})
      if (type == other) return other;
    return "number";
  };
  for (const auto& entry : first) {
    const std::string ours(parameter_type(entry.first).value_or("none"));
    CHECK_MESSAGE(kind(ours) == kind(entry.second), entry.first << " " << entry.second << " " << ours);
  }
}
