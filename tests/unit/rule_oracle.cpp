// The program against a slow, obvious tree walk. Random rules (with lists and macros) are written as text for the
// loader and judged here by code of its own, from the facts that the event was made of: no operator, list, macro or
// field code is shared. TIERCEL_SOAK multiplies the number of rounds.
#include <doctest/doctest.h>
#include <fnmatch.h>

#include <algorithm>
#include <functional>
#include <map>
#include <random>

#include "rule_support.h"

using namespace tiercel::rule;
using namespace tiercel::rule::test;

namespace {

// ---- facts: what an event is made of
// ---------------------------------------------------------------------------------

struct Fact {
  enum Kind { kMissing, kText, kNumber, kBool, kIp } kind = kMissing;
  std::string text;
  int64_t number = 0;
  uint32_t ip = 0;  // host order
};
Fact text_fact(std::string v) {
  return {Fact::kText, std::move(v), 0, 0};
}
Fact number_fact(int64_t v) {
  return {Fact::kNumber, {}, v, 0};
}
Fact bool_fact(bool v) {
  return {Fact::kBool, {}, v, 0};
}
Fact ip_fact(uint32_t v) {
  return {Fact::kIp, {}, 0, v};
}

struct Facts {
  std::map<std::string, std::vector<Fact>> values;  // several: ancestors, or the two ends of a connection
  std::vector<Fact> of(const std::string& field) const {
    auto it = values.find(field);
    return it == values.end() ? std::vector<Fact>{} : it->second;
  }
};

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
const std::vector<std::string> kWords = {"-c", "--help", "/etc/passwd", "hello world", "-i", "SH"};
const std::vector<uint32_t> kAddresses = {0x0a000001, 0x0a0000ff, 0xc0a80709, 0x7f000001, 0x08080808};

struct Made {
  World world;
  Facts facts;
  std::unique_ptr<TestEvent> event;
};

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
      values["fd.name"] = {text_fact(path)};
      if (res >= 0) values["fd.num"] = {number_fact(res)};
      made->event = std::make_unique<TestEvent>(open_event(world, {.name = path, .fd = res}));
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

// ---- rules: written as text, kept as a tree
// --------------------------------------------------------------------------

struct Check {
  std::string field, op, modifier;
  std::vector<std::string> values;
};
struct Tree {
  enum Kind { kAnd, kOr, kNot, kCheck } kind = kCheck;
  std::vector<Tree> children;
  Check check;
};

const std::vector<std::string> kTextFields = {"proc.name",     "proc.pname",   "proc.aname",
                                              "proc.aname[2]", "proc.args",    "proc.cmdline",
                                              "fd.name",       "container.id", "container.image.tag"};
const std::vector<std::string> kTextOps = {"=",     "!=", "contains",   "icontains", "startswith", "endswith", "glob",
                                           "iglob", "in", "intersects", "pmatch",    "exists",     "regex"};

std::string text_value(Random& random, const std::string& op) {
  std::string value = one_of(random, chance(random, 60) ? kNames : chance(random, 50) ? kPaths : kWords);
  if (op == "glob" || op == "iglob") {
    value = one_of(
        random, std::vector<std::string>{"b*", "*sh*", "?h", "[bs]*", "/etc/*", "*", "[!b]*", "B*", "*/[ps]*", "\\b*"});
  } else if (op == "pmatch") {
    value = one_of(random, std::vector<std::string>{"/etc", "/etc/", "/", "/usr/*", "etc/ssh", "/e*c/passwd",
                                                    "/tmp/a b", "/et", "/etc/passwd/x"});
  } else if (op == "regex") {
    value = one_of(random, std::vector<std::string>{"sh", "bash|sh", "b.*", ".*/.*", "", "s+h+d", "[a-z]*"});
  } else if (op != "=" && op != "!=" && op != "in" && op != "intersects") {
    value = value.substr(pick(random, value.size()), 1 + pick(random, 4));
  }
  return value;
}

Check make_check(Random& random) {
  Check check;
  const size_t kind = pick(random, 10);
  const size_t count = 1 + pick(random, 3);
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
              : one_of(random, std::vector<std::string>{"10.0.0.1", "192.168.7.9", "127.0.0.1", "1.1.1.1", "::1"}));
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
    std::string out = check.field + " " + check.op;
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

// ---- the walk
// --------------------------------------------------------------------------------------------------------

std::string lowered(std::string text) {
  for (char& c : text) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  return text;
}

std::vector<std::string> components(const std::string& path) {
  std::vector<std::string> out;
  std::istringstream stream(path);
  for (std::string part; std::getline(stream, part, '/');)
    if (!part.empty()) out.push_back(part);
  return out;
}

// The few patterns that the generator writes, each said in C++.
bool regex_by_hand(const std::string& pattern, const std::string& text) {
  if (pattern == "sh") return text == "sh";
  if (pattern == "bash|sh") return text == "bash" || text == "sh";
  if (pattern == "b.*") return !text.empty() && text[0] == 'b';
  if (pattern == ".*/.*") return text.find('/') != std::string::npos;
  if (pattern.empty()) return text.empty();
  if (pattern == "[a-z]*") return std::all_of(text.begin(), text.end(), [](char c) { return c >= 'a' && c <= 'z'; });
  size_t s = 0, h = 0, at = 0;  // s+h+d
  while (at < text.size() && text[at] == 's') ++s, ++at;
  while (at < text.size() && text[at] == 'h') ++h, ++at;
  return s > 0 && h > 0 && text.substr(at) == "d";
}

bool compare_text(const std::string& op, const std::string& a, const std::string& b) {
  if (op == "=" || op == "in" || op == "intersects") return a == b;
  if (op == "!=") return a != b;
  if (op == "contains") return a.find(b) != std::string::npos;
  if (op == "icontains") return lowered(a).find(lowered(b)) != std::string::npos;
  if (op == "startswith") return a.rfind(b, 0) == 0;
  if (op == "endswith") return a.size() >= b.size() && a.compare(a.size() - b.size(), b.size(), b) == 0;
  if (op == "glob") return fnmatch(b.c_str(), a.c_str(), 0) == 0;
  if (op == "iglob") return fnmatch(lowered(b).c_str(), lowered(a).c_str(), 0) == 0;
  if (op == "regex") return regex_by_hand(b, a);
  const auto path = components(a), prefix = components(b);  // pmatch
  if (prefix.size() > path.size()) return false;
  for (size_t n = 0; n < prefix.size(); ++n)
    if (fnmatch(prefix[n].c_str(), path[n].c_str(), 0) != 0) return false;
  return true;
}

bool compare_ip(const std::string& op, uint32_t ip, const std::string& value) {
  if (value.find(':') != std::string::npos) return op == "!=";
  unsigned a = 0, b = 0, c = 0, d = 0, bits = 32;
  std::sscanf(value.c_str(), "%u.%u.%u.%u/%u", &a, &b, &c, &d, &bits);
  const uint64_t base = (uint64_t{a} << 24) + (b << 16) + (c << 8) + d;
  const bool same = (uint64_t{ip} >> (32 - bits)) == (base >> (32 - bits));
  return (op == "!=") != same;
}

bool compare_number(const std::string& op, int64_t a, int64_t b) {
  if (op == "=" || op == "in") return a == b;
  if (op == "!=") return a != b;
  if (op == "<") return a < b;
  if (op == "<=") return a <= b;
  return op == ">" ? a > b : a >= b;
}

bool one_value(const Check& check, const Fact& fact, const std::string& value) {
  switch (fact.kind) {
    case Fact::kText:
      return compare_text(check.op, fact.text, value);
    case Fact::kNumber:
      return compare_number(check.op, fact.number, std::stoll(value));
    case Fact::kBool:
      return (value == (fact.number ? "true" : "false")) != (check.op == "!=");
    case Fact::kIp:
      return compare_ip(check.op, fact.ip, value);
    case Fact::kMissing:
      return false;
  }
  return false;
}

bool one_fact(const Check& check, const Fact& fact) {
  std::vector<std::string> values = check.values;
  if (check.field == "fd.net" && check.op == "in") values.resize(1);
  const auto hits = static_cast<size_t>(
      std::count_if(values.begin(), values.end(), [&](const std::string& v) { return one_value(check, fact, v); }));
  if (check.modifier == "oneof") return hits == 1;
  if (check.modifier == "allof") return !values.empty() && hits == values.size();
  return hits > 0;
}

bool judge(const Tree& tree, const Facts& facts) {
  if (tree.kind == Tree::kNot) return !judge(tree.children[0], facts);
  if (tree.kind == Tree::kAnd)
    return std::all_of(tree.children.begin(), tree.children.end(), [&](const Tree& t) { return judge(t, facts); });
  if (tree.kind == Tree::kOr)
    return std::any_of(tree.children.begin(), tree.children.end(), [&](const Tree& t) { return judge(t, facts); });
  const std::vector<Fact> values = facts.of(tree.check.field);
  if (tree.check.op == "exists") return !values.empty();
  const bool ends = tree.check.field == "fd.ip" || tree.check.field == "fd.net" || tree.check.field == "fd.port";
  auto holds_for = [&](const Fact& fact) { return one_fact(tree.check, fact); };
  if (ends && tree.check.op == "!=") return !values.empty() && std::all_of(values.begin(), values.end(), holds_for);
  return std::any_of(values.begin(), values.end(), holds_for);
}

}  // namespace

TEST_CASE("rule oracle: program and tree walk agree") {
  constexpr size_t kRules = 50, kEvents = 40;
  const char* soak = std::getenv("TIERCEL_SOAK");
  const size_t rounds = 20 * static_cast<size_t>(soak ? std::max(1, std::atoi(soak)) : 1);
  size_t cases = 0, hits = 0, differences = 0;
  for (size_t round = 0; round < rounds && differences == 0; ++round) {
    Random random(static_cast<uint32_t>(round + 1));
    Writer writer{random, {}, 0};
    std::vector<Tree> trees;
    std::string rules;
    for (size_t n = 0; n < kRules; ++n) {
      trees.push_back(make_tree(random, 3));
      rules += rule_yaml(writer.write(trees.back()), "o", "R" + std::to_string(n));
    }
    LoadOptions options = plain_options(true);
    options.matching = Matching::kAll;
    const Loaded loaded = load(writer.defined + rules, options);
    REQUIRE_MESSAGE(loaded.rules, loaded.diagnostics.render_all());
    Matcher matcher(loaded.rules);
    for (size_t e = 0; e < kEvents; ++e) {
      const auto made = make_event(random);
      std::vector<bool> got(kRules);
      for (const Match& match : matcher.match(**made->event)) got[match.rule] = true;
      for (size_t n = 0; n < kRules; ++n) {
        const bool wanted = judge(trees[n], made->facts);
        ++cases;
        hits += wanted ? 1 : 0;
        if (got[n] == wanted) continue;
        ++differences;
        MESSAGE("round " << round << " event " << e << " wanted " << wanted << ": "
                         << loaded.rules->rule(static_cast<RuleId>(n)).condition);
      }
    }
  }
  CHECK(differences == 0);
  CHECK(hits > cases / 20);
  CHECK(hits < cases - cases / 20);
}
