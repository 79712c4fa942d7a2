// The tables of fields and event types agree with each other and with the event table.
#include <doctest/doctest.h>

#include <set>

#include "agent/rule/event_names.h"
#include "agent/rule/names.h"
#include "decoders/catalog.h"
#include "rule_support.h"

using namespace tiercel::rule;
using namespace tiercel::rule::test;

TEST_CASE("rule tables: every field is fed or says what it waits for, once, with a description") {
  std::set<std::string_view> seen;
  size_t fed = 0;
  for (const FieldInfo& field : all_fields()) {
    CHECK_MESSAGE(seen.insert(field.name).second, field.name);
    CHECK_MESSAGE(!field.doc.empty(), field.name);
    // What has no accessor waits for something. What has one and waits too gives a constant meanwhile (WAITING).
    CHECK_MESSAGE((field.fed() || field.of_alert || !field.waits_for.empty()), field.name);
    CHECK(field_by_name(field.name) == &field);
    fed += field.fed() ? 1 : 0;
  }
  CHECK(seen.size() > 290);
  CHECK(fed > 150);
}

TEST_CASE("rule tables: no accessor may crash on any event") {
  World world;
  std::vector<TestEvent> events;
  events.push_back(exec_event(world));
  events.push_back(open_event(world));
  events.push_back(open_event(world, {.name = "", .fd = -2}));
  events.push_back(sock_event(world));
  events.push_back(sock_event(world, {.type = EVT_bind, .lport = 0}));
  events.push_back(setuid_event(world, 0));
  events.push_back(mount_event(world, "", ""));
  World bare;
  bare.process->parent = nullptr;
  bare.process->image = std::make_shared<tiercel::context::Image>();
  events.push_back(exec_event(bare));
  tiercel::decoders::RecordBuilder<ev_exit> exit_record(EVT_procexit);
  events.emplace_back(world, exit_record);
  tiercel::decoders::RecordBuilder<ev_fork> fork_record(EVT_clone);
  events.emplace_back(world, fork_record);
  Arena arena;
  size_t values = 0;
  for (const TestEvent& event : events) {
    for (const FieldInfo& field : all_fields()) {
      if (!field.fed()) continue;
      for (const FieldArg& arg : {FieldArg{}, FieldArg{true, "0", 0}, FieldArg{true, "1", 1},
                                  FieldArg{true, "name", -1}, FieldArg{true, "", -1}}) {
        if (arg.given && !field.has(FF_ARG_OPTIONAL) && !field.has(FF_ARG_REQUIRED)) continue;
        if (!arg.given && field.has(FF_ARG_REQUIRED)) continue;
        if (arg.given && arg.index < 0 && field.has(FF_ARG_INDEX)) continue;
        for (auto view : {tiercel::context::PathView::kLexical, tiercel::context::PathView::kKernel}) {
          const Value value = field.get({*event, arg, arena, view});
          values += value.missing() ? 0 : 1;
          const bool list = value.kind == ValueKind::kList;
          if (list) CHECK_MESSAGE((field.has(FF_LIST) || field.has(FF_ANCESTORS) || field.has(FF_EITHER)), field.name);
          if (value.kind == ValueKind::kText && field.type != Type::kDyn)
            CHECK_MESSAGE((field.type == Type::kCharBuf || field.type == Type::kFsPath), field.name);
        }
      }
    }
    arena.reset();
  }
  CHECK(values > 1000);
}

TEST_CASE("rule tables: event types") {
  for (const tiercel::decoders::EventInfo& info : tiercel::decoders::all_events()) {
    const bool internal = (info.flags & tiercel::decoders::EF_INTERNAL) != 0;
    const auto number = event_number(info.name);
    CHECK_MESSAGE(number.has_value() != internal, info.name);
    // A name that the event table has must not wait in waiting_events.def as well.
    if (number) CHECK_MESSAGE(*number == info.type, info.name);
  }
  std::set<std::string_view> waiting;
#define WAITING_EVENT(name, category, params) CHECK_MESSAGE(waiting.insert(#name).second, #name);
#define GENERIC_SYSCALL(name) CHECK_MESSAGE(waiting.insert(#name).second, #name);
#include "agent/rule/waiting_events.def"
  for (std::string_view name : waiting) {
    const auto* info = tiercel::decoders::event_by_name(name);
    CHECK_MESSAGE((!info || (info->flags & tiercel::decoders::EF_INTERNAL)),
                  name << " is fed: remove it from waiting_events.def");
  }
  CHECK(event_number("execve") == EVT_execve);
  CHECK(event_number("getpid").value() >= EVT_COUNT);
  CHECK(!event_number("nosuch"));
  CHECK(!event_number("cgroup"));
  CHECK(parameter_type("flags") == "FLAGS32");
  CHECK(!parameter_type("nosuch"));
  CHECK(event_type_names().size() > 400);
}

TEST_CASE("rule tables: guesses") {
  CHECK(suggest_field("proc.nmae") == "proc.name");
  CHECK(suggest_field("fd.dport") == "fd.sport");
  CHECK(suggest_field("user.nam") == "user.name");
  CHECK(suggest_field("completely.different.thing").empty());
  CHECK(longest_field_prefix("proc.nameand") == "proc.name");
  CHECK(longest_field_prefix("evt.args.") == "evt.args");
  CHECK(longest_field_prefix("nothing").empty());
  CHECK(resolve_field("evt.arg.flags", false, "").arg.text == "flags");
  CHECK(resolve_field("thread.cgroup.cpu", false, "").info->name == "thread.cgroup");
  CHECK(resolve_field("proc.aname.2", false, "").arg.index == 2);
  CHECK(resolve_field("proc.name.x", false, "").info == nullptr);
}
