// The program against a slow, obvious tree walk. Random rules (with lists and macros) are written as text for the
// loader and judged here by code of its own, from the facts that the event was made of: no operator, list, macro or
// field code is shared.
#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <random>

#include "oracle_walk.h"
#include "rule_support.h"

using namespace tiercel::rule;
using namespace tiercel::rule::oracle;
using namespace tiercel::rule::test;

namespace {

using Random = std::mt19937;
size_t pick(Random& random, size_t n) {
  return std::uniform_int_distribution<size_t>(0, n - 1)(random);
}
bool chance(Random& random, int percent) {
  return pick(random, 100) < static_cast<size_t>(percent);
}
template <class T>
const T& one_of(Random& random, const std::vector<T>& items) {
  return items[pick(random, items.size())];
}

const std::vector<std::string> kNames = {"bash", "sh", "sshd", "cat", "Bash", "python3", "b", "ba[sh]", "nginx"};
const std::vector<std::string> kPaths = {"/etc/passwd", "/etc/shadow",          "/etc", "/usr/bin/cat",
                                         "/tmp/a b/c",  "/etc/ssh/sshd_config", "/"};
const std::vector<std::string> kWords = {"-c", "//etc//passwd/x", "--help", "/etc/passwd", "hello world", "-i", "SH"};
const std::vector<uint32_t> kAddresses = {0x0a000001, 0x0a0000ff, 0xc0a80709, 0x7f000001, 0x08080808};

struct Made {
  World world;
  Facts facts;
  std::optional<Facts> kernel;  // the same with the path that the kernel opened, where it is another
  std::unique_ptr<TestEvent> event;
};

void add_path(Facts& facts, const std::string& path) {
  const std::string directory = path.substr(0, path.rfind('/'));
  facts.values["fd.name"] = {text_fact(path)};
  facts.values["fd.directory"] = {text_fact(directory.empty() ? "/" : directory)};
  facts.values["fd.filename"] = {text_fact(path.substr(path.rfind('/') + 1))};
}

std::array<uint8_t, 16> bytes_of(uint32_t ip) {
  return {static_cast<uint8_t>(ip >> 24), static_cast<uint8_t>(ip >> 16), static_cast<uint8_t>(ip >> 8),
          static_cast<uint8_t>(ip)};
}

std::string dotted(uint32_t ip) {
  return std::to_string(ip >> 24) + "." + std::to_string(ip >> 16 & 255) + "." + std::to_string(ip >> 8 & 255) + "." +
         std::to_string(ip & 255);
}

std::unique_ptr<Made> make_event(Random& random) {
  auto made = std::make_unique<Made>();
  World& world = made->world;
  auto& values = made->facts.values;
  std::vector<std::string> argv{one_of(random, kNames)};
  std::string args;
  for (size_t n = pick(random, 3); n > 0; --n) {
    argv.push_back(one_of(random, kWords));
    args += (args.empty() ? "" : " ") + argv.back();
  }
  const std::string name = one_of(random, kNames), parent = one_of(random, kNames), top = one_of(random, kNames);
  world.runs(name, argv);
  world.process->euid = static_cast<uint32_t>(pick(random, 3) * 500);
  world.parent->image = World::image(parent, {parent});
  world.init->image = World::image(top, {top});
  values["proc.name"] = {text_fact(name)};
  values["proc.pname"] = {text_fact(parent)};
  values["proc.aname"] = {text_fact(parent), text_fact(top)};
  values["proc.aname[2]"] = {text_fact(top)};
  values["proc.args"] = {text_fact(args)};
  values["proc.cmdline"] = {text_fact(args.empty() ? name : name + " " + args)};
  values["user.uid"] = {number_fact(world.process->euid)};
  if (chance(random, 40)) world.in_container();
  values["container.id"] = {text_fact(world.process->container ? "0123456789ab" : "host")};
  if (world.process->container) values["container.image.tag"] = {text_fact("1.25")};
  const int64_t res = chance(random, 30) ? -13 : static_cast<int64_t>(pick(random, 5));
  auto result = [&](int64_t v) {
    values["evt.rawres"] = {number_fact(v)};
    values["evt.failed"] = {bool_fact(v < 0)};
  };
  switch (pick(random, 3)) {
    case 0:
      result(std::min<int64_t>(res, 0));
      values["evt.type"] = {text_fact("execve")};
      made->event = std::make_unique<TestEvent>(exec_event(world, std::min<int64_t>(res, 0)));
      break;
    case 1: {
      const std::string path = one_of(random, kPaths);
      result(res);
      values["evt.type"] = {text_fact("openat")};
      if (res >= 0) values["fd.num"] = {number_fact(res)};
      const std::string opened = res >= 0 && chance(random, 40) ? one_of(random, kPaths) : std::string();
      if (!opened.empty() && opened != path) add_path(made->kernel.emplace(made->facts), opened);
      add_path(made->facts, path);
      made->event = std::make_unique<TestEvent>(open_event(world, {.name = path, .fd = res, .realpath = opened}));
      break;
    }
    default: {
      SockArgs args_of;
      const uint32_t local = one_of(random, kAddresses), remote = one_of(random, kAddresses);
      args_of.local = bytes_of(local);
      args_of.remote = bytes_of(remote);
      args_of.lport = static_cast<uint16_t>(40000 + pick(random, 3));
      args_of.rport = static_cast<uint16_t>(chance(random, 50) ? 443 : 80);
      args_of.res = std::min<int64_t>(res, 0);
      result(args_of.res);
      values["evt.type"] = {text_fact("connect")};
      values["fd.num"] = {number_fact(5)};
      values["fd.name"] = {text_fact(dotted(local) + ":" + std::to_string(args_of.lport) + "->" + dotted(remote) + ":" +
                                     std::to_string(args_of.rport))};
      values["fd.cip"] = {ip_fact(local)};
      values["fd.sip"] = {ip_fact(remote)};
      values["fd.ip"] = {ip_fact(local), ip_fact(remote)};
      values["fd.snet"] = {ip_fact(remote)};
      values["fd.net"] = {ip_fact(local), ip_fact(remote)};
      values["fd.sport"] = {number_fact(args_of.rport)};
      values["fd.port"] = {number_fact(args_of.lport), number_fact(args_of.rport)};
      made->event = std::make_unique<TestEvent>(sock_event(world, args_of));
      break;
    }
  }
  return made;
}

const std::vector<std::string> kTextFields = {
    "proc.name", "proc.pname",   "proc.aname",  "proc.aname[2]", "proc.args",          "proc.cmdline",
    "fd.name",   "fd.directory", "fd.filename", "container.id",  "container.image.tag"};
const std::vector<std::string> kSingleTextFields = {"proc.name", "proc.pname", "proc.args", "proc.cmdline", "fd.name"};
const std::vector<std::string> kTextOps = {"=",     "!=", "contains",   "icontains", "startswith", "endswith", "glob",
                                           "iglob", "in", "intersects", "pmatch",    "exists",     "regex"};

std::string text_value(Random& random, const std::string& op) {
  std::string value = one_of(random, chance(random, 60) ? kNames : chance(random, 50) ? kPaths : kWords);
  if (op == "glob" || op == "iglob") {
    value =
        one_of(random, std::vector<std::string>{"b*", "*sh*", "?h", "[bs]*", "/etc/*", "*", "[!b]*", "B*", "*/[ps]*",
                                                "\\b*", "*/passwd", "/etc/*conf*", "*bash*", "/usr/*/[bs]*"});
  } else if (op == "pmatch") {
    value = one_of(random, std::vector<std::string>{"/etc", "/etc/", "/", "/usr/*", "etc/ssh", "/e*c/passwd",
                                                    "/tmp/a b", "/et", "/etc/passwd/x"});
  } else if (op == "regex") {
    value = one_of(random, std::vector<std::string>{"sh", "bash|sh", "b.*", ".*/.*", "", "s+h+d", "[a-z]*",
                                                    ".*/(passwd|shadow)", "(.* )?bash( .*)?"});
  } else if (op != "=" && op != "!=" && op != "in" && op != "intersects") {
    value = chance(random, 4) ? "" : value.substr(pick(random, value.size()), 1 + pick(random, 4));
  }
  return value;
}

Check make_check(Random& random) {
  Check check;
  const size_t kind = pick(random, 12);
  const size_t count = 1 + pick(random, 3);
  if (kind == 10 && chance(random, 30)) {
    const bool forward = chance(random, 50);
    check.field = forward ? "evt.rawres" : "fd.num";
    check.op = one_of(random, std::vector<std::string>{"=", "!=", "<", "<=", ">", ">="});
    check.right = forward ? "fd.num" : "evt.rawres";
    return check;
  }
  if (kind == 10) {
    check.field = one_of(random, kSingleTextFields);
    check.op = one_of(random, std::vector<std::string>{"=", "!=", "contains", "startswith", "endswith", "in"});
    check.right = one_of(random, kSingleTextFields);
    return check;
  }
  if (kind == 11) {
    check.field = one_of(random, kSingleTextFields);
    check.transformer = one_of(random, std::vector<std::string>{"tolower", "toupper", "basename", "len"});
    const bool length = check.transformer == "len";
    check.op = one_of(random, length ? std::vector<std::string>{"=", "<", ">=", "in"}
                                     : std::vector<std::string>{"=", "contains", "startswith", "in"});
    for (size_t n = check.op == "in" ? count : 1; n > 0; --n)
      check.values.push_back(length ? std::to_string(pick(random, 14)) : text_value(random, check.op));
    return check;
  }
  if (kind < 6) {
    check.field = one_of(random, kTextFields);
    check.op = one_of(random, kTextOps);
    const bool list = check.op == "in" || check.op == "intersects" || check.op == "pmatch";
    if (!list && check.op != "exists" && chance(random, 20))
      check.modifier = one_of(random, std::vector<std::string>{"oneof", "anyof", "allof"});
    const bool many = list || !check.modifier.empty();
    for (size_t n = many ? (chance(random, 5) ? 0 : count) : 1; n > 0 && check.op != "exists"; --n)
      check.values.push_back(text_value(random, check.op));
    return check;
  }
  static const std::vector<std::string> kNumberFields = {"user.uid", "evt.rawres", "fd.num", "fd.sport", "fd.port"};
  if (kind == 6)
    return {"evt.failed",
            one_of(random, std::vector<std::string>{"=", "!=", "in"}),
            "",
            {chance(random, 50) ? "true" : "false"}};
  if (kind == 7) {
    check.field = "evt.type";
    check.op = one_of(random, std::vector<std::string>{"=", "!=", "in"});
    for (size_t n = check.op == "in" ? count : 1; n > 0; --n)
      check.values.push_back(one_of(random, std::vector<std::string>{"execve", "openat", "connect", "read"}));
    return check;
  }
  if (kind == 8) {
    check.field = one_of(random, std::vector<std::string>{"fd.sip", "fd.cip", "fd.ip", "fd.snet", "fd.net"});
    check.op = one_of(random, std::vector<std::string>{"=", "!=", "in"});
    const bool net = check.field.ends_with("net");
    for (size_t n = check.op == "in" ? count : 1; n > 0; --n)
      check.values.push_back(
          net ? one_of(random, std::vector<std::string>{"10.0.0.0/8", "10.0.0.128/25", "192.168.7.9/32", "0.0.0.0/0",
                                                        "127.0.0.1/8"})
              : one_of(random,
                       std::vector<std::string>{"10.0.0.1", "192.168.7.9", "127.0.0.1", "1.1.1.1", "::1", "a00:1::"}));
    return check;
  }
  check.field = one_of(random, kNumberFields);
  check.op = one_of(random, std::vector<std::string>{"=", "!=", "<", "<=", ">", ">=", "in", "exists"});
  for (size_t n = check.op == "exists" ? 0 : check.op == "in" ? count : 1; n > 0; --n)
    check.values.push_back(one_of(random, std::vector<std::string>{"0", "3", "443", "500", "1000", "40001", "1"}));
  return check;
}

Tree make_tree(Random& random, int depth) {
  Tree tree;
  const size_t kind = depth <= 0 ? 3 : pick(random, 5);
  if (kind >= 3) {
    tree.check = make_check(random);
    return tree;
  }
  tree.kind = kind == 0 ? Tree::kAnd : kind == 1 ? Tree::kOr : Tree::kNot;
  for (size_t n = tree.kind == Tree::kNot ? 1 : 2 + pick(random, 2); n > 0; --n)
    tree.children.push_back(make_tree(random, depth - 1));
  return tree;
}

std::string quoted(const std::string& value) {
  std::string out = "\"";
  for (char c : value) out += c == '"' || c == '\\' ? std::string("\\") + c : std::string(1, c);
  return out + "\"";
}

// Writes a tree as a condition; now and then a part becomes a macro or a list of its own, defined in `defined`.
struct Writer {
  Random& random;
  std::string defined;
  int names = 0;

  std::string write(const Tree& tree) {
    std::string out;
    if (tree.kind == Tree::kCheck) {
      out = write(tree.check);
    } else if (tree.kind == Tree::kNot) {
      out = "not (" + write(tree.children[0]) + ")";
    } else {
      for (const Tree& child : tree.children)
        out += (out.empty() ? "(" : tree.kind == Tree::kAnd ? " and " : " or ") + write(child);
      out += ")";
    }
    if (!chance(random, 12)) return out;
    const std::string name = "m" + std::to_string(names++);
    defined += "- macro: " + name + "\n  condition: " + yaml_quoted(out) + "\n";
    return name;
  }

  std::string write(const Check& check) {
    const std::string left = check.transformer.empty() ? check.field : check.transformer + "(" + check.field + ")";
    std::string out = left + " " + check.op;
    if (!check.right.empty()) return out + " val(" + check.right + ")";
    if (check.op == "exists") return out;
    if (!check.modifier.empty()) out += " " + check.modifier;
    const bool list = !check.modifier.empty() || check.op == "in" || check.op == "intersects" || check.op == "pmatch";
    if (!list) {
      const bool number = check.op[0] == '<' || check.op[0] == '>';
      return out + " " + (number ? check.values[0] : quoted(check.values[0]));
    }
    std::string items;
    for (const std::string& value : check.values) items += (items.empty() ? "" : ", ") + quoted(value);
    if (chance(random, 15)) {
      const std::string name = "l" + std::to_string(names++);
      defined += "- list: " + name + "\n  items: [";
      for (size_t n = 0; n < check.values.size(); ++n)
        defined += (n > 0 ? ", " : "") + yaml_quoted(quoted(check.values[n]));
      defined += "]\n";
      items = name;
    }
    return out + " (" + items + ")";
  }
};

// Half of the rules begin with event types, as people's do.
Tree make_rule(Random& random) {
  Tree tree = make_tree(random, 3);
  if (chance(random, 50)) return tree;
  Tree type;
  type.check = {"evt.type", "in", "", {}};
  for (const char* name : {"execve", "openat", "connect"})
    if (chance(random, 60)) type.check.values.emplace_back(name);
  if (type.check.values.empty()) type.check.values = {"openat"};
  return {Tree::kAnd, {std::move(type), std::move(tree)}, {}};
}

struct Compared {
  size_t cases = 0, hits = 0, differences = 0;
};

// One random set of rules and random events: all rules that match, and the first one.
void compare_round(size_t round, Compared& tally) {
  constexpr size_t kEvents = 40;
  Random random(static_cast<uint32_t>(round + 1));
  const size_t rules = chance(random, 80) ? 50 : 300;  // many rules share gates and texts
  Writer writer{random, {}, 0};
  std::vector<Tree> trees;
  std::string text;
  for (size_t n = 0; n < rules; ++n) {
    trees.push_back(make_rule(random));
    text += rule_yaml(writer.write(trees.back()), "o", "R" + std::to_string(n));
  }
  LoadOptions options = plain_options(true);
  options.matching = Matching::kAll;
  const Loaded all = load(writer.defined + text, options);
  options.matching = Matching::kFirst;
  const Loaded first = load(writer.defined + text, options);
  REQUIRE_MESSAGE(all.rules, all.diagnostics.render_all());
  Matcher matcher(all.rules), first_matcher(first.rules);
  for (size_t e = 0; e < kEvents; ++e) {
    const auto made = make_event(random);
    std::vector<bool> got(rules);
    for (const Match& match : matcher.match(**made->event)) got[match.rule] = true;
    std::optional<size_t> earliest;
    for (size_t n = 0; n < rules; ++n) {
      const bool wanted = judge(trees[n], made->facts) || (made->kernel && judge(trees[n], *made->kernel));
      if (wanted && !earliest) earliest = n;
      ++tally.cases;
      tally.hits += wanted ? 1 : 0;
      if (got[n] == wanted) continue;
      ++tally.differences;
      MESSAGE("round " << round << " event " << e << " wanted " << wanted << ": "
                       << all.rules->rule(static_cast<RuleId>(n)).condition);
    }
    const auto matches = first_matcher.match(**made->event);
    const bool right = earliest ? matches.size() == 1 && matches[0].rule == *earliest : matches.empty();
    if (right) continue;
    ++tally.differences;
    MESSAGE("round " << round << " event " << e << ": not the first rule that matches");
  }
}

}  // namespace

// TIERCEL_ORACLE_CASES: how many at least; two million in the long form.
TEST_CASE("rule oracle: program and tree walk agree") {
  const char* asked = std::getenv("TIERCEL_ORACLE_CASES");
  const size_t enough = asked                         ? static_cast<size_t>(std::atoll(asked))
                        : std::getenv("TIERCEL_SOAK") ? 2'000'000
                                                      : 60'000;
  Compared tally;
  for (size_t round = 0; tally.cases < enough && tally.differences == 0; ++round) compare_round(round, tally);
  MESSAGE(tally.cases << " cases, " << tally.hits << " match");
  CHECK(tally.differences == 0);
  CHECK(tally.hits > tally.cases / 20);
  CHECK(tally.hits < tally.cases - tally.cases / 20);
}
