// Check-list, group D: which rules are tried on which events, and what append_output adds.
#include <doctest/doctest.h>

#include <algorithm>

#include "rule_support.h"

using namespace tiercel::rule;
using namespace tiercel::rule::test;

namespace {

EventTypes types_of(const std::string& condition) {
  const Loaded loaded = load(rule_yaml(condition), plain_options(true));
  if (!loaded.rules) throw std::runtime_error("does not load: " + condition + "\n" + loaded.diagnostics.render_all());
  return loaded.rules->types(0);
}

EventTypes only(std::initializer_list<int> types) {
  EventTypes out;
  for (int type : types) out[static_cast<size_t>(type)] = true;
  return out;
}

std::string fired(const Loaded& loaded, const tiercel::context::Event& event) {
  Matcher matcher(loaded.rules);
  std::string out;
  for (const Match& match : matcher.match(event)) out += loaded.rules->rule(match.rule).name + " ";
  return out;
}

Rendered output_of(const std::string& yaml, const LoadOptions& options, const tiercel::context::Event& event) {
  const Loaded loaded = load(yaml, options);
  if (!loaded.rules || loaded.rules->size() == 0) throw std::runtime_error(loaded.diagnostics.render_all());
  Matcher matcher(loaded.rules);
  const auto matches = matcher.match(event);
  return matcher.render(matches[0], event);
}

// The member of output_fields as text: its kind's letter, then its value.
std::string member(const Rendered& rendered, std::string_view name) {
  std::string out;
  for (const OutputField& field : rendered.fields) {
    if (field.name != name) continue;
    if (!out.empty()) return "twice";
    switch (field.value.kind) {
      case OutputValue::Kind::kNull:
        out = "null";
        break;
      case OutputValue::Kind::kText:
        out = "text " + field.value.text;
        break;
      case OutputValue::Kind::kInt:
        out = "int " + std::to_string(field.value.i);
        break;
      case OutputValue::Kind::kUint:
        out = "uint " + std::to_string(field.value.u);
        break;
      case OutputValue::Kind::kBool:
        out = field.value.b ? "true" : "false";
        break;
      case OutputValue::Kind::kList:
        out = "list";
        break;
    }
  }
  return out.empty() ? "none" : out;
}

}  // namespace

TEST_CASE("D1 a rule is tried on the event types of its index only (there are no asynchronous events)") {
  World world;
  LoadOptions options = plain_options(true);
  options.matching = Matching::kAll;
  const Loaded loaded = load(rule_yaml("evt.type = execve and proc.name = bash", "o", "exec") +
                                 rule_yaml("evt.type in (open, openat) and proc.name = bash", "o", "open") +
                                 rule_yaml("evt.type = connect", "o", "net"),
                             options);
  REQUIRE(loaded.rules);
  CHECK(loaded.rules->types(0) == only({EVT_execve}));
  CHECK(loaded.rules->types(1) == only({EVT_open, EVT_openat}));
  CHECK(loaded.rules->event_types_needed() == only({EVT_execve, EVT_open, EVT_openat, EVT_connect}));
  CHECK(fired(loaded, *exec_event(world)) == "exec ");
  CHECK(fired(loaded, *open_event(world)) == "open ");
  CHECK(fired(loaded, *open_event(world, {.type = EVT_open})) == "open ");
  CHECK(fired(loaded, *open_event(world, {.type = EVT_openat2})).empty());
  CHECK(fired(loaded, *sock_event(world)) == "net ");
  CHECK(fired(loaded, *setuid_event(world, 0)).empty());
}

TEST_CASE("D2 rule_matching first: only the earliest rule; all: every one, in order") {
  World world;
  const std::string yaml = rule_yaml("proc.name = zsh", "o", "never") + rule_yaml("proc.name = bash", "o", "B") +
                           rule_yaml("evt.type = execve", "o", "C") + rule_yaml("proc.pname = sshd", "o", "A");
  LoadOptions options = plain_options(true);
  CHECK(fired(load(yaml, options), *exec_event(world)) == "B ");
  CHECK(fired(load(yaml, options), *open_event(world)) == "B ");
  options.matching = Matching::kAll;
  CHECK(fired(load(yaml, options), *exec_event(world)) == "B C A ");
  CHECK(fired(load(yaml, options), *open_event(world)) == "B A ");
  // A rule that is defined again keeps its place.
  CHECK(fired(load(yaml + rule_yaml("evt.type exists", "o", "B"), options), *exec_event(world)) == "B C A ");
}

TEST_CASE("D3 a rule without a restriction is tried on every event type") {
  World world;
  const Loaded loaded = load(rule_yaml("proc.name = bash"), plain_options(true));
  REQUIRE(loaded.rules);
  std::vector<TestEvent> events;
  events.push_back(exec_event(world));
  events.push_back(open_event(world));
  events.push_back(sock_event(world));
  events.push_back(setuid_event(world, 0));
  events.push_back(mount_event(world, "a", "/b"));
  for (const TestEvent& event : events) CHECK(fired(loaded, *event) == "R ");
  const EventTypes all = loaded.rules->types(0);
  size_t visible = 0;
  for (const tiercel::decoders::EventInfo& info : tiercel::decoders::all_events()) {
    const bool internal = (info.flags & tiercel::decoders::EF_INTERNAL) != 0;
    CHECK_MESSAGE(all[info.type] != internal, info.name);
    visible += internal ? 0 : 1;
  }
  CHECK(all.count() == visible);
  for (const char* condition :
       {"not proc.name = x", "proc.name = a or evt.type = open", "evt.num > 0 and fd.name exists"})
    CHECK_MESSAGE(types_of(condition) == all, condition);
}

TEST_CASE("D4 the index of =, ==, != and in, under and, or and not") {
  const EventTypes all = types_of("proc.name = x"), open = only({EVT_open}), connect = only({EVT_connect});
  for (const char* condition :
       {"evt.type = open", "evt.type == open", "evt.type in (open)", "not evt.type != open", "not not evt.type = open",
        "evt.type = open and proc.name = x", "proc.name = x and not evt.type != open",
        "evt.type in (open, openat) and evt.type != openat", "evt.type in (open, connect) and not evt.type = connect",
        "not (evt.type != open or proc.name = x)",
        "(evt.type = open and fd.num = 1) or (evt.type = open and fd.num = 2)"})
    CHECK_MESSAGE(types_of(condition) == open, condition);
  for (const char* condition :
       {"evt.type != open", "not evt.type = open", "not evt.type in (open)", "not (evt.type = open)",
        "evt.type != open and not proc.name = x", "not (evt.type = open or evt.type = open)"})
    CHECK_MESSAGE(types_of(condition) == (all & ~open), condition);
  for (const char* condition :
       {"evt.type in (open, connect)", "evt.type = open or evt.type = connect",
        "not (evt.type != open and evt.type != connect)", "not (not evt.type = open and not evt.type = connect)",
        "(evt.type = open or evt.type = connect) and not proc.name = x"})
    CHECK_MESSAGE(types_of(condition) == (open | connect), condition);
  for (const char* condition :
       {"not (evt.type = open or evt.type = connect)", "not evt.type = open and not evt.type = connect",
        "evt.type != open and evt.type != connect", "not evt.type in (open, connect)"})
    CHECK_MESSAGE(types_of(condition) == (all & ~open & ~connect), condition);
  // What says nothing of types says nothing under not either: De Morgan must not make a rule lose events.
  for (const char* condition : {"not (evt.type = open and proc.name = x)", "not (proc.name = x or fd.num = 1)",
                                "evt.type != open or evt.type != connect", "evt.type = open or not proc.name = x"})
    CHECK_MESSAGE(types_of(condition) == all, condition);
  CHECK(types_of("syscall.type = open") == open);
  World world;
  CHECK(holds("not (evt.type = open and proc.name = bash)", *exec_event(world)));
  CHECK(!holds("not (evt.type = execve and proc.name = bash)", *exec_event(world)));
}

TEST_CASE("D9 append_output: texts and fields for the rules that it matches") {
  World world;
  const TestEvent event = exec_event(world, -2);
  auto entry = [](const char* text) {
    AppendOutput out;
    out.extra_output = text;
    return out;
  };
  LoadOptions options = plain_options(true);
  const std::string tagged = rule_yaml("evt.num > 0", "m", "R") + "  tags: [b, c, a]\n";

  SUBCASE("text is appended after one blank, entry by entry") {
    options.append_output = {entry("pid=%proc.pid"), entry("end")};
    CHECK(output_of(tagged, options, *event).message == "m pid=300 end");
    CHECK(member(output_of(tagged, options, *event), "proc.pid") == "int 300");
  }
  SUBCASE("source, tags and rule choose; what matches nothing changes nothing") {
    std::vector<AppendOutput> entries(8);
    entries[0].match_source = "syscall", entries[0].extra_output = "source";
    entries[1].match_source = "k8s_audit", entries[1].extra_output = "x1";
    entries[2].match_tags = {"a"}, entries[2].extra_output = "tag";
    entries[3].match_tags = {"a", "c"}, entries[3].extra_output = "tags";
    entries[4].match_tags = {"a", "nosuch"}, entries[4].extra_output = "x2";
    entries[5].match_rule = "R", entries[5].extra_output = "rule";
    entries[6].match_rule = "Other", entries[6].extra_output = "x3";
    entries[7].match_rule = "R", entries[7].match_source = "k8s_audit", entries[7].extra_output = "x4";
    options.append_output = entries;
    CHECK(output_of(tagged, options, *event).message == "m source tag tags rule");
    options.append_output = {entries[1], entries[4], entries[6]};
    const Rendered plain = output_of(tagged, options, *event);
    CHECK(plain.message == "m");
    CHECK(plain.fields.empty());
  }
  SUBCASE("extra fields: texts from a format, and a field's own value") {
    AppendOutput fields;
    fields.extra_formatted_fields = {{"who", "%user.uid/%proc.name"}, {"fixed", "text"}};
    fields.extra_fields = {"proc.pid", "evt.failed", "fd.name", "proc.aname[2]"};
    options.append_output = {fields};
    const Rendered out = output_of(tagged, options, *event);
    CHECK(out.message == "m");
    CHECK(member(out, "who") == "text 1000/bash");
    CHECK(member(out, "fixed") == "text text");
    CHECK(member(out, "proc.pid") == "int 300");
    CHECK(member(out, "evt.failed") == "true");
    CHECK(member(out, "fd.name") == "null");
    CHECK(member(out, "proc.aname[2]") == "text systemd");
  }
  SUBCASE("of a raw and a formatted field with one key the later counts") {
    AppendOutput raw, formatted;
    raw.extra_fields = {"proc.pid"};
    formatted.extra_formatted_fields = {{"proc.pid", "pid %proc.pid"}};
    options.append_output = {raw, formatted};
    CHECK(member(output_of(tagged, options, *event), "proc.pid") == "text pid 300");
    options.append_output = {formatted, raw};
    CHECK(member(output_of(tagged, options, *event), "proc.pid") == "int 300");
    AppendOutput again = formatted;
    again.extra_formatted_fields[0].second = "again";
    options.append_output = {formatted, raw, again};
    CHECK(member(output_of(tagged, options, *event), "proc.pid") == "text again");
    options.append_output = {raw, raw, raw};
    CHECK(member(output_of(tagged, options, *event), "proc.pid") == "int 300");
  }
}

TEST_CASE("D10 suggested_output adds the fields that are marked, to rules of the syscall source") {
  World world;
  LoadOptions options = plain_options(true);
  options.append_output = default_append_output();
  CHECK(output_of(rule_yaml("evt.num > 0", "m"), options, *exec_event(world)).message ==
        "m container_id=host container_name=host container_image_repository=<NA> container_image_tag=<NA> "
        "k8s_pod_name=<NA> k8s_ns_name=<NA>");
  world.in_container();
  const Rendered inside = output_of(rule_yaml("evt.num > 0", "m"), options, *exec_event(world));
  CHECK(inside.message ==
        "m container_id=0123456789ab container_name=web container_image_repository=docker.io/library/nginx "
        "container_image_tag=1.25 k8s_pod_name=<NA> k8s_ns_name=<NA>");
  CHECK(inside.fields.size() == 6);
  CHECK(member(inside, "container.id") == "text 0123456789ab");
  CHECK(member(inside, "k8s.ns.name") == "null");
  options.append_output[0].match_source = "k8s_audit";
  CHECK(output_of(rule_yaml("evt.num > 0", "m"), options, *exec_event(world)).message == "m");
}
