// Conditions over alerts against a slow, obvious reading: random conditions are written as text for the loader, and
// each leaf of theirs is judged here by a line of its own, from what the alert and the event were made of.
#include <doctest/doctest.h>

#include <functional>
#include <optional>
#include <random>

#include "agent/base/condition_id.h"
#include "rule_support.h"

using namespace tiercel::rule;
using namespace tiercel::rule::test;
using tiercel::Priority;

namespace {

using Random = std::mt19937;
size_t pick(Random& random, size_t n) {
  return std::uniform_int_distribution<size_t>(0, n - 1)(random);
}
template <class T>
const T& one_of(Random& random, const std::vector<T>& items) {
  return items[pick(random, items.size())];
}

const std::vector<std::string> kNames = {"bash", "cat", "nginx", "Bash", "R one", "R two", "R three"};
const std::vector<std::string> kTags = {"T1496", "T1059", "container", "host"};
const std::vector<std::string> kPrograms = {"bash", "cat", "nginx"};
const std::vector<std::string> kPaths = {"/etc/passwd", "/etc/shadow", "/tmp/a", "/usr/bin/cat"};
const std::vector<std::string> kPriorities = {"EMERGENCY", "alert",  "Critical",      "ERROR",
                                              "warning",   "Notice", "informational", "DEBUG"};

struct AlertSide {
  std::string name;
  size_t priority = 7;
  std::vector<std::string> tags;
  std::string source = "syscall";
};
struct EventSide {
  std::string program;
  bool container = false;
  bool open = false;
  std::optional<std::string> lexical, kernel;  // fd.name, as either path
};
// One path of an alert; event: nullptr for a report.
struct Seen {
  const AlertSide& alert;
  const EventSide* event;
  std::optional<std::string> path;
};

struct Leaf {
  std::string text;
  std::function<bool(const Seen&)> holds;
};
struct Node {
  enum Kind { kAnd, kOr, kNot, kLeaf } kind = kLeaf;
  std::vector<Node> children;
  Leaf leaf;
  bool holds(const Seen& seen) const {
    if (kind == kLeaf) return leaf.holds(seen);
    if (kind == kNot) return !children[0].holds(seen);
    for (const Node& child : children)
      if (child.holds(seen) == (kind == kOr)) return kind == kOr;
    return kind == kAnd;
  }
  std::string text() const {
    if (kind == kLeaf) return leaf.text;
    if (kind == kNot) return "not (" + children[0].text() + ")";
    std::string out;
    for (const Node& child : children) out += (out.empty() ? "(" : kind == kAnd ? " and " : " or ") + child.text();
    return out + ")";
  }
};

bool among(const std::vector<std::string>& items, const std::string& word) {
  return std::find(items.begin(), items.end(), word) != items.end();
}

Leaf leaf_of_alert(Random& random) {
  const std::string name = one_of(random, kNames), other = one_of(random, kNames);
  const std::vector<std::string> tags{one_of(random, kTags), one_of(random, kTags)};
  switch (pick(random, 9)) {
    case 0:
      return {"rule.name = \"" + name + "\"", [=](const Seen& s) { return s.alert.name == name; }};
    case 1:
      return {"rule.name in (\"" + name + "\", \"" + other + "\")",
              [=](const Seen& s) { return s.alert.name == name || s.alert.name == other; }};
    case 2:
      return {"rule.name != \"" + name + "\"", [=](const Seen& s) { return s.alert.name != name; }};
    case 3:
      return {"tolower(rule.name) contains \"r t\"",
              [](const Seen& s) { return s.alert.name == "R two" || s.alert.name == "R three"; }};
    case 4:
      return {"rule.tags intersects (" + tags[0] + ", " + tags[1] + ")",
              [=](const Seen& s) { return among(s.alert.tags, tags[0]) || among(s.alert.tags, tags[1]); }};
    case 5:
      return {"rule.tags in (" + tags[0] + ", " + tags[1] + ")", [=](const Seen& s) {
                size_t inside = 0;
                for (const std::string& tag : s.alert.tags) inside += among(tags, tag) ? 1 : 0;
                return !s.alert.tags.empty() && inside == s.alert.tags.size();
              }};
    case 6:
      return {"rule.source = internal", [](const Seen& s) { return s.alert.source == "internal"; }};
    case 7: {
      const std::string op = one_of(random, std::vector<std::string>{"=", "!=", "<", "<=", ">", ">="});
      const size_t least = pick(random, kPriorities.size());
      return {"rule.priority " + op + " " + kPriorities[least], [=](const Seen& s) {
                const int severity = 7 - static_cast<int>(s.alert.priority), wanted = 7 - static_cast<int>(least);
                if (op == "=") return severity == wanted;
                if (op == "!=") return severity != wanted;
                if (op == "<") return severity < wanted;
                if (op == "<=") return severity <= wanted;
                return op == ">" ? severity > wanted : severity >= wanted;
              }};
    }
    default:
      return {"rule.priority in (info, HIGH)",
              [](const Seen& s) { return s.alert.priority == 6 || s.alert.priority == 3; }};
  }
}

Leaf leaf_of_event(Random& random) {
  const std::string program = one_of(random, kPrograms), path = one_of(random, kPaths);
  switch (pick(random, 8)) {
    case 0:
      return {"proc.name = " + program, [=](const Seen& s) { return s.event && s.event->program == program; }};
    case 1:
      return {"proc.name != " + program, [=](const Seen& s) { return s.event && s.event->program != program; }};
    case 2:
      return {"container.id = host", [](const Seen& s) { return s.event && !s.event->container; }};
    case 3:
      return {"evt.type = openat", [](const Seen& s) { return s.event && s.event->open; }};
    case 4:
      return {"evt.type != openat", [](const Seen& s) { return s.event && !s.event->open; }};
    case 5:
      return {"fd.name = " + path, [=](const Seen& s) { return s.path == path; }};
    case 6:
      return {"fd.name startswith /etc", [](const Seen& s) { return s.path && s.path->starts_with("/etc"); }};
    default:
      return {"proc.name = val(rule.name)", [](const Seen& s) { return s.event && s.event->program == s.alert.name; }};
  }
}

Node make_node(Random& random, int depth) {
  Node node;
  const size_t kind = depth == 0 ? 4 : pick(random, 6);
  if (kind >= 3) {
    node.leaf = pick(random, 2) == 0 ? leaf_of_alert(random) : leaf_of_event(random);
    return node;
  }
  node.kind = static_cast<Node::Kind>(kind);
  for (size_t n = node.kind == Node::kNot ? 1 : 2 + pick(random, 2); n > 0; --n)
    node.children.push_back(make_node(random, depth - 1));
  return node;
}

// With either of the event's two paths, as rules do.
bool judged(const Node& node, const AlertSide& alert, const EventSide* event) {
  if (!event) return node.holds({alert, nullptr, std::nullopt});
  if (node.holds({alert, event, event->lexical})) return true;
  return event->kernel && node.holds({alert, event, event->kernel});
}

struct Made {
  World world;
  EventSide side;
  std::unique_ptr<TestEvent> event;
};

std::unique_ptr<Made> make_event(Random& random) {
  auto made = std::make_unique<Made>();
  EventSide& side = made->side;
  side.program = one_of(random, kPrograms);
  made->world.runs(side.program, {side.program});
  side.container = pick(random, 2) == 0;
  if (side.container) made->world.in_container();
  side.open = pick(random, 3) != 0;
  if (!side.open) {
    made->event = std::make_unique<TestEvent>(exec_event(made->world));
    return made;
  }
  side.lexical = one_of(random, kPaths);
  const std::string opened = pick(random, 2) == 0 ? one_of(random, kPaths) : std::string();
  if (!opened.empty() && opened != *side.lexical) side.kernel = opened;
  made->event = std::make_unique<TestEvent>(open_event(made->world, {.name = *side.lexical, .realpath = opened}));
  return made;
}

struct Counts {
  size_t asked = 0, held = 0, differences = 0;
};

void compare(Counts& tally, bool got, bool wanted, const Node& node) {
  ++tally.asked;
  tally.held += wanted ? 1 : 0;
  if (got == wanted) return;
  ++tally.differences;
  MESSAGE("wanted " << wanted << ": " << node.text());
}

void compare_round(uint32_t seed, Counts& tally) {
  constexpr size_t kResponses = 6, kOutputs = 4, kEvents = 12;
  Random random(seed);
  std::vector<AlertSide> alerts;
  std::string text;
  for (const std::string& name : kNames) {
    AlertSide alert{name, pick(random, 8), {}, "syscall"};
    for (const std::string& tag : kTags)
      if (pick(random, 3) == 0) alert.tags.push_back(tag);
    text += "- {rule: \"" + name + "\", desc: d, condition: \"evt.type in (execve, openat)\", output: o, priority: " +
            kPriorities[alert.priority] + ", tags: [";
    for (const std::string& tag : alert.tags) text += tag + ", ";
    text += "]}\n";
    alerts.push_back(std::move(alert));
  }
  std::vector<Node> responses, outputs;
  for (size_t n = 0; n < kResponses; ++n) {
    responses.push_back(make_node(random, 3));
    text += "- {rule: A" + std::to_string(n) + ", condition: " + yaml_quoted(responses.back().text()) +
            ", action: {type: kill}}\n";
  }
  LoadOptions options = plain_options();
  options.matching = Matching::kAll;
  for (size_t n = 0; n < kOutputs; ++n) {
    outputs.push_back(make_node(random, 3));
    options.output_conditions.push_back({"o" + std::to_string(n), outputs.back().text()});
  }
  const Loaded loaded = load(text, options);
  REQUIRE_MESSAGE(loaded.diagnostics.errors() == 0, loaded.diagnostics.render_all());
  Matcher matcher(loaded.rules);
  auto refused = [&](const Verdict& verdict, const Node& node) {
    return std::find(verdict.refused_by.begin(), verdict.refused_by.end(), tiercel::condition_id(node.text())) !=
           verdict.refused_by.end();
  };
  for (size_t e = 0; e < kEvents; ++e) {
    const auto made = make_event(random);
    const auto matches = matcher.match(**made->event);
    REQUIRE(matches.size() == alerts.size());
    for (const Match& match : matches) {
      const Verdict& verdict = matcher.judge(match, **made->event);
      const AlertSide& alert = alerts[match.rule];
      for (const Node& node : responses) {
        const std::string name = "A" + std::to_string(&node - responses.data());
        const bool got = std::any_of(verdict.responses.begin(), verdict.responses.end(),
                                     [&](const Response* response) { return response->name == name; });
        compare(tally, got, judged(node, alert, &made->side), node);
      }
      for (const Node& node : outputs) compare(tally, !refused(verdict, node), judged(node, alert, &made->side), node);
    }
  }
  const AlertSide report{"Tiercel internal: gap", 4, {}, "internal"};
  const Verdict& verdict = matcher.judge_report({report.name, Priority::kWarning, {}, report.source});
  CHECK(verdict.responses.empty());
  for (const Node& node : outputs) compare(tally, !refused(verdict, node), judged(node, report, nullptr), node);
}

}  // namespace

TEST_CASE("verdict oracle: conditions over alerts and their slow reading agree") {
  const size_t enough = std::getenv("TIERCEL_SOAK") ? 2'000'000 : 60'000;
  Counts tally;
  for (uint32_t seed = 1; tally.asked < enough && tally.differences == 0; ++seed) compare_round(seed, tally);
  MESSAGE(tally.asked << " cases, " << tally.held << " hold");
  CHECK(tally.differences == 0);
  CHECK(tally.held > tally.asked / 10);
  CHECK(tally.held < tally.asked - tally.asked / 10);
}

TEST_CASE("verdicts: responses that are off are not asked; the address of a block is the event's") {
  World world;
  const std::string text = rule_yaml("evt.type = connect") +
                           "- {rule: A, condition: rule.name = R, action: {type: block}}\n"
                           "- {rule: B, condition: rule.name = R, action: {type: kill}, enabled: false}\n"
                           "- {rule: C, condition: rule.name = Q, action: {type: kill}}\n"
                           "- {rule: D, condition: rule.name = R, action: {type: block, address: fd.cip}}\n";
  const Loaded loaded = load(text);
  Matcher matcher(loaded.rules);
  const TestEvent event = sock_event(world);
  REQUIRE(matcher.match(*event).size() == 1);
  const Verdict& verdict = matcher.judge(matcher.match(*event)[0], *event);
  REQUIRE(verdict.responses.size() == 2);
  CHECK(verdict.responses[0]->name == "A");
  CHECK(verdict.responses[1]->name == "D");
  const auto remote = address_of(verdict.responses[0]->action, *event);
  REQUIRE(remote);
  CHECK(!remote->v6);
  CHECK(std::vector<int>(remote->bytes.begin(), remote->bytes.begin() + 4) == std::vector<int>{192, 168, 7, 9});
  CHECK(address_of(verdict.responses[1]->action, *event)->bytes[0] == 10);
  CHECK(!address_of(verdict.responses[0]->action, *exec_event(world)));
  CHECK(loaded.rules->fields_read().contains("fd.rip"));
  CHECK(loaded.rules->fields_read().contains("fd.cip"));
}

TEST_CASE("verdicts: what conditions over alerts read is asked of the kernel, and a set's digest knows its responses") {
  const std::string rule = rule_yaml("evt.type = execve");
  const std::string response = "- {rule: A, condition: proc.env contains x, action: {type: kill}}\n";
  CHECK(!load(rule).rules->fields_read().contains("proc.env"));
  CHECK(load(rule + response).rules->fields_read().contains("proc.env"));
  CHECK(!load(rule + response + "- {rule: A, enabled: false}\n").rules->fields_read().contains("proc.env"));
  const std::string digest = load(rule + response).rules->digest();
  CHECK(digest == load(rule + response).rules->digest());
  CHECK(digest != load(rule).rules->digest());
  CHECK(digest !=
        load(rule + "- {rule: A, condition: proc.env contains x, action: {type: suspend}}\n").rules->digest());
  CHECK(digest != load(rule + response + "- {rule: A, enabled: false}\n").rules->digest());
}
