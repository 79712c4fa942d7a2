// Rules that count: the window and its ends, different values, groups, what is forgotten and when, reading the key, and
// the way through matcher, reload and case files.
#include <doctest/doctest.h>

#include "agent/casefile/run.h"
#include "agent/rule/threshold.h"
#include "rule_support.h"

using namespace tiercel;
using namespace tiercel::rule;
using namespace tiercel::rule::test;

namespace {

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kStart = 100'000 * kSecond;

// A tally of events of one group, told by their times in seconds: the times at which it fires.
std::vector<uint64_t> fires_at(Tally& tally, std::initializer_list<uint64_t> seconds) {
  std::vector<uint64_t> out;
  for (uint64_t s : seconds)
    if (tally.add(1, 0, false, kStart + s * kSecond).fires) out.push_back(s);
  return out;
}

using Times = std::vector<uint64_t>;

std::string counting(const std::string& threshold, const std::string& condition = "evt.type = openat",
                     const std::string& name = "R") {
  return rule_yaml(condition, "%fd.name", name) + "  threshold: " + threshold + "\n";
}

Loaded loaded(const std::string& text, Matching matching = Matching::kAll) {
  LoadOptions options = plain_options(true);
  options.matching = matching;
  options.describe = true;
  Loaded out = load(text, options);
  INFO(out.diagnostics.render_all());
  REQUIRE(out.rules);
  CHECK(warnings_of(out).empty());
  return out;
}

// The names of the files for which the rules fire, one event a file.
std::string fired(Matcher& matcher, World& world, std::initializer_list<const char*> files) {
  std::string out;
  for (const char* file : files) {
    OpenArgs args;
    args.name = file;
    const TestEvent event = open_event(world, args);
    for (const Match& match : matcher.match(*event))
      out += (out.empty() ? "" : " ") + matcher.rules()->rule(match.rule).name + matcher.render(match, *event).message;
  }
  return out;
}

// "line:column CODE message | hint" of each mistake in a rule with this threshold, which begins in column 14 of line 6.
std::string mistakes(const std::string& threshold, const std::string& more = "") {
  std::string out;
  const Loaded all = load(counting(threshold) + more);
  for (const Diagnostic& d : all.diagnostics.all())
    out += std::to_string(d.position.line) + ":" + std::to_string(d.position.column) + " " + d.code + " " + d.message +
           (d.hint.empty() ? "" : " | " + d.hint) + "\n";
  return out;
}

std::string problems(const std::string& event, const std::string& threshold, const std::string& expect) {
  Diagnostics diagnostics;
  const casefile::CaseFile file = casefile::read_cases_text(
      "c.yaml", "- name: n\n  process: cat\n  expect: " + expect + "\n  " + event + "\n", diagnostics);
  INFO(diagnostics.render_all());
  REQUIRE(file.cases.size() == 1);
  std::string out;
  for (const casefile::Problem& problem :
       casefile::run_case(file.cases[0], loaded(counting(threshold, "evt.type in (openat, connect)"))).problems)
    out += problem.text + "\n";
  return out;
}

}  // namespace

TEST_CASE("siphash is the one of its authors") {
  const SipKey key{0x0706050403020100, 0x0f0e0d0c0b0a0908};
  std::string text;
  for (char c = 0; c < 15; ++c) text += c;
  CHECK(siphash(key, "") == 0x726fdb47dd0e0e31);
  CHECK(siphash(key, std::string_view(text).substr(0, 8)) == 0x93f5f5799a932462);
  CHECK(siphash(key, text) == 0xa129ca6149be45e5);
  CHECK(random_sip_key() != random_sip_key());
}

TEST_CASE("timespans: whole numbers with a unit") {
  CHECK(parse_timespan("1ms") == 1'000'000);
  CHECK(parse_timespan("10s") == 10 * kSecond);
  CHECK(parse_timespan("5m") == 300 * kSecond);
  CHECK(parse_timespan("24h") == kThresholdTimespanMaxNs);
  for (const char* bad : {"", "10", "s", "0s", "-1s", "1.5s", "10 s", "10S", "1m30s", "25h", "99999999999999999999s",
                          "18446744073709551615h", "+1s"})
    CHECK_MESSAGE(!parse_timespan(bad), bad);
  for (const char* text : {"1ms", "1500ms", "59s", "90s", "2m", "24h"})
    CHECK(timespan_text(*parse_timespan(text)) == text);
  CHECK(to_string(Threshold{20, 10 * kSecond, {"proc.pid", "fd.sip"}, "fd.sport"}) ==
        "20 different fd.sport for each proc.pid, fd.sip within 10s");
  CHECK(to_string(Threshold{3, kSecond, {}, ""}) == "3 events within 1s");
}

TEST_CASE("a tally fires with the event that fills it, and begins at nothing") {
  Tally tally(3, 10 * kSecond, {});
  CHECK(fires_at(tally, {0, 1, 2, 3, 4, 5, 6}) == Times{2, 5});
  CHECK(tally.marks() == 1);
  const Count count = tally.add(1, 0, false, kStart + 7 * kSecond);
  CHECK(count.have == 2);
  CHECK(count.need == 3);
  CHECK_FALSE(count.fires);
}

TEST_CASE("the window slides, and its end belongs to it") {
  Tally exact(3, 10 * kSecond, {});
  CHECK(fires_at(exact, {0, 5, 10}) == Times{10});
  Tally beyond(3, 10 * kSecond, {});
  CHECK(fires_at(beyond, {0, 5, 11}).empty());
  CHECK(fires_at(beyond, {15}) == Times{15});  // 5, 11, 15
  Tally nanosecond(2, 10 * kSecond, {});
  CHECK_FALSE(nanosecond.add(1, 0, false, kStart).fires);
  CHECK_FALSE(nanosecond.add(1, 0, false, kStart + 10 * kSecond + 1).fires);
  CHECK(nanosecond.add(1, 0, false, kStart + 20 * kSecond + 1).fires);
  Tally slow(3, 10 * kSecond, {});
  CHECK(fires_at(slow, {0, 6, 12, 18, 24, 30}).empty());
  CHECK(slow.marks() == 2);
}

TEST_CASE("different values: one that comes again does not count again, but is young again") {
  Tally tally(3, 10 * kSecond, {});
  auto at = [&](uint64_t s, uint64_t value) { return tally.add(1, value, true, kStart + s * kSecond); };
  CHECK(at(0, 7).have == 1);
  for (uint64_t s = 1; s < 9; ++s) CHECK(at(s, 7).have == 1);
  CHECK(at(9, 8).have == 2);
  CHECK(at(17, 7).have == 2);  // 8 at 9, 7 at 17
  CHECK(at(18, 9).fires);
  CHECK(at(30, 1).have == 1);
  CHECK(at(35, 2).have == 2);
  CHECK(at(41, 3).have == 2);  // 1 is too old
  CHECK(at(42, 1).fires);
}

TEST_CASE("groups do not mix, and each begins anew by itself") {
  Tally tally(2, 10 * kSecond, {});
  CHECK_FALSE(tally.add(1, 0, false, kStart).fires);
  CHECK_FALSE(tally.add(2, 0, false, kStart).fires);
  CHECK(tally.groups() == 2);
  CHECK(tally.add(1, 0, false, kStart).fires);
  CHECK(tally.groups() == 1);
  CHECK_FALSE(tally.add(1, 0, false, kStart).fires);
  CHECK(tally.add(2, 0, false, kStart).fires);
}

TEST_CASE("late events and a clock that goes back") {
  SUBCASE("an event that is late takes its place") {
    Tally tally(3, 10 * kSecond, {});
    CHECK(fires_at(tally, {5, 3, 4}) == Times{4});
    CHECK(fires_at(tally, {20, 9, 21}).empty());  // 9 is out of the window of 20
    CHECK(tally.marks() == 2);
    CHECK(fires_at(tally, {15}) == Times{15});  // 15, 20, 21
  }
  SUBCASE("one that is late does not make what came after it look near") {
    Tally tally(2, 10 * kSecond, {});
    CHECK(fires_at(tally, {30, 15}).empty());
    CHECK(fires_at(tally, {41}).empty());
  }
  SUBCASE("another clock: nothing of the old one counts, and the count goes on") {
    Tally tally(3, 10 * kSecond, {});
    CHECK(fires_at(tally, {1'000, 1'001}).empty());
    CHECK(fires_at(tally, {5, 6, 7, 8}) == Times{7});
    CHECK(tally.groups() == 1);
  }
}

TEST_CASE("a stale group goes by itself, and is no eviction") {
  Tally tally(5, 10 * kSecond, {});
  for (uint64_t group = 0; group < 100; ++group) tally.add(group, 0, false, kStart + group * kSecond / 100);
  CHECK(tally.groups() == 100);
  tally.add(7, 0, false, kStart + 5 * kSecond);
  tally.add(1'000, 0, false, kStart + 12 * kSecond);
  CHECK(tally.groups() == 2);  // 7 and 1000
  CHECK(tally.marks() == 3);
  CHECK(tally.evicted() == 0);
}

TEST_CASE("memory is bounded: of too many groups that which was longest without an event goes") {
  Tally tally(3, 10 * kSecond, {.groups = 4, .marks = 1'000});
  tally.add(1, 0, false, kStart);
  for (uint64_t group = 2; group <= 4; ++group) tally.add(group, 0, false, kStart);
  tally.add(1, 0, false, kStart);  // touched: 2 is the oldest now
  tally.add(5, 0, false, kStart);
  CHECK(tally.groups() == 4);
  CHECK(tally.evicted() == 1);
  CHECK(tally.add(1, 0, false, kStart).fires);
  CHECK(tally.add(2, 0, false, kStart).have == 1);
  for (uint64_t group = 100; group < 100'000; ++group) tally.add(group, 0, false, kStart);
  CHECK(tally.groups() == 4);
  CHECK(tally.marks() == 4);
}

TEST_CASE("memory is bounded: many values in few groups, too, and a group that is alone is complete") {
  Tally many(100, 10 * kSecond, {.groups = 1'000, .marks = 250});
  for (uint64_t group = 0; group < 10; ++group)
    for (uint64_t value = 0; value < 99; ++value) many.add(group, value, true, kStart);
  CHECK(many.marks() <= 250);
  CHECK(many.groups() == 2);
  CHECK(many.evicted() == 8);
  CHECK(many.add(9, 99, true, kStart).fires);
  Tally one(100, 10 * kSecond, {.groups = 1'000, .marks = 10});
  for (uint64_t value = 0; value < 99; ++value) CHECK_FALSE(one.add(1, value, true, kStart).fires);
  CHECK(one.add(1, 99, true, kStart).fires);
}

TEST_CASE("a rule fires once for a count, with the output of the event that filled it") {
  World world;
  Matcher matcher(loaded(counting("{count: 3, timespan: 10s}")).rules);
  CHECK(fired(matcher, world, {"/a", "/b", "/c", "/d", "/e", "/f", "/g"}) == "R/c R/f");
  REQUIRE(matcher.counted().size() == 1);
  CHECK(matcher.counted()[0].count.have == 1);
}

TEST_CASE("distinct and group_by: fields, transformers, missing values") {
  World world;
  SUBCASE("different values") {
    Matcher matcher(loaded(counting("{count: 3, timespan: 10s, distinct: fd.name}")).rules);
    CHECK(fired(matcher, world, {"/a", "/b", "/a", "/b", "/c"}) == "R/c");
  }
  SUBCASE("of what a transformer makes") {
    Matcher matcher(loaded(counting("{count: 2, timespan: 10s, distinct: basename(fd.name)}")).rules);
    CHECK(fired(matcher, world, {"/a/x", "/b/x", "/a/y"}) == "R/a/y");
  }
  SUBCASE("by groups") {
    Matcher matcher(loaded(counting("{count: 2, timespan: 10s, group_by: fd.name}")).rules);
    CHECK(fired(matcher, world, {"/a", "/b", "/c", "/b", "/a", "/b"}) == "R/b R/a");
    Matcher pairs(loaded(counting("{count: 2, timespan: 10s, group_by: [fd.directory, fd.filename]}")).rules);
    CHECK(fired(pairs, world, {"/a/bc", "/ab/c", "/a/bc"}) == "R/a/bc");
    CHECK(fired(pairs, world,
                {"/a\x01"
                 "b/c",
                 "/a/b\x01"
                 "c"})
              .empty());
  }
  SUBCASE("processes are groups") {
    Matcher matcher(loaded(counting("{count: 2, timespan: 10s, group_by: [proc.pid]}")).rules);
    CHECK(fired(matcher, world, {"/a"}).empty());
    World other;
    other.process = other.make(301, "cat", {"cat"}, other.parent);
    CHECK(fired(matcher, other, {"/b"}).empty());
    CHECK(fired(matcher, world, {"/c"}) == "R/c");
  }
  SUBCASE("an event without a value of distinct does not count") {
    Matcher matcher(loaded(counting("{count: 2, timespan: 10s, distinct: fd.sport}")).rules);
    CHECK(fired(matcher, world, {"/a", "/b", "/c"}).empty());
    REQUIRE(matcher.counted().size() == 1);
    CHECK(matcher.counted()[0].count.no_value);
  }
  SUBCASE("a missing value of group_by is a value of its own") {
    Matcher matcher(
        loaded(counting("{count: 2, timespan: 10s, group_by: [container.image.tag, container.image.repository]}"))
            .rules);
    auto image_is = [&](const char* tag, const char* repository) {
      auto facts = std::make_shared<context::Container>(*world.process->container->facts);
      facts->image_tag = tag;
      facts->image_repository = repository;
      world.process->container->facts = std::move(facts);
    };
    world.in_container();
    for (const auto& [tag, repository] :
         {std::pair("q", ""), std::pair("", "q"), std::pair("", ""), std::pair("<NA>", "")}) {
      image_is(tag, repository);
      CHECK(fired(matcher, world, {"/a"}).empty());
    }
    image_is("", "");
    CHECK(fired(matcher, world, {"/b"}) == "R/b");
  }
  SUBCASE("with two paths that which made the condition true is counted") {
    Matcher matcher(loaded(counting("{count: 2, timespan: 10s, distinct: fd.name}",
                                    "evt.type = openat and fd.name startswith /real"))
                        .rules);
    std::string out;
    for (const char* target : {"/real/a", "/real/a", "/real/b"}) {
      OpenArgs args;
      args.name = "/link";
      args.realpath = target;
      const TestEvent event = open_event(world, args);
      for (const Match& match : matcher.match(*event)) out += matcher.render(match, *event).message + " ";
    }
    CHECK(out == "/real/b ");
  }
}

TEST_CASE("an event that only counts keeps no other rule from matching") {
  World world;
  const std::string rules = counting("{count: 2, timespan: 10s}") + rule_yaml("evt.type = openat", "%fd.name", "S");
  Matcher first(loaded(rules, Matching::kFirst).rules);
  CHECK(fired(first, world, {"/a", "/b", "/c"}) == "S/a R/b S/c");
  Matcher all(loaded(rules).rules);
  CHECK(fired(all, world, {"/a", "/b"}) == "S/a R/b S/b");
}

TEST_CASE("what a threshold reads is asked of the kernel, and it is part of the digest") {
  const Loaded plain = loaded(rule_yaml("evt.type = openat", "%fd.name"));
  const Loaded counts = loaded(counting("{count: 2, timespan: 10s, group_by: \"proc.env[X]\", distinct: proc.cwd}"));
  CHECK_FALSE(plain.rules->fields_read().contains("proc.cwd"));
  CHECK(counts.rules->fields_read().contains("proc.cwd"));
  CHECK(counts.rules->fields_read().contains("proc.env[X]"));
  const std::string digest = counts.rules->digest();
  CHECK(digest != plain.rules->digest());
  CHECK(digest !=
        loaded(counting("{count: 3, timespan: 10s, group_by: \"proc.env[X]\", distinct: proc.cwd}")).rules->digest());
  CHECK(digest ==
        loaded(counting("{distinct: proc.cwd, group_by: \"proc.env[X]\", timespan: 10s, count: 2}")).rules->digest());
}

TEST_CASE("a reload keeps the counts of rules that are the same") {
  World world;
  const std::string threshold = "{count: 3, timespan: 10s, group_by: [proc.pid], distinct: fd.name}";
  Matcher before(loaded(counting(threshold)).rules);
  CHECK(fired(before, world, {"/a", "/b"}).empty());
  SUBCASE("beside others, in another place") {
    Matcher after(loaded(rule_yaml("evt.type = openat and proc.cwd = /x", "o", "A") +
                         counting("{count: 9, timespan: 1s}", "evt.type = openat", "B") + counting(threshold))
                      .rules);
    after.go_on_from(before);
    CHECK(fired(after, world, {"/b", "/c"}) == "R/c");
    CHECK(fired(before, world, {"/d"}).empty());  // it has nothing left
  }
  SUBCASE("another threshold") {
    Matcher after(loaded(counting("{count: 3, timespan: 11s, group_by: [proc.pid], distinct: fd.name}")).rules);
    after.go_on_from(before);
    CHECK(fired(after, world, {"/c", "/d"}).empty());
  }
  SUBCASE("another condition") {
    Matcher after(loaded(counting(threshold, "evt.type in (openat, open)")).rules);
    after.go_on_from(before);
    CHECK(fired(after, world, {"/c", "/d"}).empty());
  }
  SUBCASE("another name") {
    Matcher after(loaded(counting(threshold, "evt.type = openat", "Other")).rules);
    after.go_on_from(before);
    CHECK(fired(after, world, {"/c", "/d"}).empty());
  }
}

TEST_CASE("groups that went are told once") {
  World world;
  Matcher matcher(loaded(counting("{count: 2, timespan: 10s, group_by: [fd.name]}")).rules);
  const size_t groups = Tally::Limits{}.groups;
  for (size_t n = 0; n < groups + 3; ++n) {
    OpenArgs args;
    args.name = "/" + std::to_string(n);
    CHECK(matcher.match(*open_event(world, args)).empty());
  }
  CHECK(matcher.take_groups_evicted() == 3);
  CHECK(matcher.take_groups_evicted() == 0);
}

TEST_CASE("mistakes of a threshold are told where they are") {
  const std::string code = "LOAD_ERR_EXTENSION ";
  CHECK(mistakes("{count: 2, timespan: 10s}").empty());
  CHECK(mistakes("{count: 0x10, timespan: 1ms, group_by: [], distinct: fd.name}").empty());
  for (const char* count : {"1", "0", "-3", "many", "10001", "2.5", "[2]", "''"})
    CHECK_MESSAGE(has(mistakes("{timespan: 10s, count: " + std::string(count) + "}"),
                      "6:37 " + code + "'count' of threshold is a whole number from 2 to 10000"),
                  count);
  CHECK(has(mistakes("{count: 2, timespan: 10}"), "6:35 " + code + "'timespan' of threshold is a number and a unit"));
  CHECK(mistakes("{timespan: 10s}") ==
        "6:14 " + code +
            "threshold has no 'count' | for example threshold: {count: 20, timespan: 10s, group_by: [proc.pid]}\n");
  CHECK(has(mistakes("{count: 2}"), "6:14 " + code + "threshold has no 'timespan'"));
  CHECK(has(mistakes("{count: , timespan: 10s}"), "6:15 " + code + "'count' of threshold is empty"));
  CHECK(mistakes("{count: 2, timespan: 10s, grup_by: [proc.pid]}") ==
        "6:40 " + code + "threshold has no key 'grup_by' | did you mean 'group_by'?\n");
  CHECK(has(mistakes("{count: 2, timespan: 10s, count: 3}"), "6:40 " + code + "the key 'count' is given twice"));
  CHECK(mistakes("{count: 2, timespan: 10s, group_by: [proc.pid, proc.nmae]}") ==
        "6:61 " + code + "unknown filter: proc.nmae | did you mean 'proc.name'?\n");
  CHECK(has(mistakes("{count: 2, timespan: 10s, distinct: [fd.name]}"),
            "6:50 " + code + "a field of threshold has to be"));
  CHECK(has(mistakes("{count: 2, timespan: 10s, distinct: (fd.name)}"), "6:50 " + code));
  CHECK(has(mistakes("5"), "6:14 " + code + "'threshold' is not a map"));
  CHECK(has(mistakes("[{count: 2}]"), "6:14 " + code + "'threshold' is not a map"));
  CHECK(load(counting("{count: 1, timespan: 10s}")).rules->size() == 0);
  CHECK(load(counting("{count: 2, timespan: 10s, distinct: fd.nam}")).skipped == std::vector<std::string>{"R"});
  // A rule that may be skipped for an unknown field is skipped for one in its threshold, too.
  const Loaded skipped =
      load(counting("{count: 2, timespan: 10s, distinct: fd.nam}") + "  skip-if-unknown-filter: true\n");
  CHECK(errors_of(skipped).empty());
  CHECK(has(warnings_of(skipped), "LOAD_UNKNOWN_FILTER unknown filter: fd.nam"));
  CHECK(skipped.rules->size() == 0);
}

TEST_CASE("a threshold is replaced by override, taken away, and not appended to") {
  World world;
  const std::string base = counting("{count: 3, timespan: 10s}");
  auto fires = [&](const std::string& more) {
    Matcher matcher(loaded(base + more).rules);
    return fired(matcher, world, {"/a", "/b", "/c"});
  };
  CHECK(fires("") == "R/c");
  CHECK(fires("- rule: R\n  threshold: {count: 2, timespan: 1s}\n  override: {threshold: replace}\n") == "R/b");
  CHECK(fires("- rule: R\n  threshold:\n  override: {threshold: replace}\n") == "R/a R/b R/c");
  CHECK(fires("- rule: R\n  condition: and fd.name != /a\n  override: {condition: append}\n").empty());
  CHECK(fires(rule_yaml("evt.type = openat", "%fd.name")) == "R/a R/b R/c");  // defined anew, whole
  const Loaded appended =
      load(base + "- rule: R\n  threshold: {count: 2, timespan: 1s}\n  override: {threshold: append}\n");
  CHECK(has(errors_of(appended), "Key 'threshold' cannot be appended to, use 'replace' instead"));
  const Loaded broken = load(base + "- rule: R\n  threshold: {count: 2}\n  override: {threshold: replace}\n");
  CHECK(has(errors_of(broken), "threshold has no 'timespan'"));
  REQUIRE(broken.rules->size() == 1);
  CHECK(broken.rules->rule(0).threshold->count == 3);  // what was there stays
}

TEST_CASE("case files: events repeat, at a pace, with a number in their parameters") {
  const std::string open = "event: {openat: {name: \"/x/{n}\"}, repeat: ";
  CHECK(problems(open + "6}", "{count: 3, timespan: 1s, distinct: fd.name}", "{R: 2}").empty());
  CHECK(problems(open + "6, every: 500ms}", "{count: 3, timespan: 1s, distinct: fd.name}", "{R: 2}").empty());
  CHECK(problems(open + "6, every: 501ms}", "{count: 3, timespan: 1s, distinct: fd.name}", "[]").empty());
  CHECK(
      problems("event: {openat: {name: /x}, repeat: 6}", "{count: 3, timespan: 1s, distinct: fd.name}", "[]").empty());
  CHECK(problems("event: {connect: {tuple: \"10.0.0.5:4000{n}->9.9.9.9:{n}\"}, repeat: 4}",
                 "{count: 4, timespan: 1s, distinct: fd.sport}", "R")
            .empty());
  CHECK(problems("events: [{openat: {name: /a}}, {openat: {name: /b}, every: 2s}, {openat: {name: /c}}]",
                 "{count: 3, timespan: 2s}", "[]")
            .empty());
  CHECK(problems(open + "4}", "{count: 5, timespan: 1s}", "R") ==
        "'R' did not match: it counted 4 of 5 events within 1s\n");
  CHECK(problems(open + "9}", "{count: 5, timespan: 1s, distinct: fd.sport}", "R") ==
        "'R' did not match: its condition held, but fd.sport had no value, so nothing counted\n");
}

TEST_CASE("case files: what repeat and every take") {
  auto told = [](const std::string& event) {
    Diagnostics diagnostics;
    const std::string text = "- name: n\n  process: cat\n  expect: []\n  event: " + event + "\n";
    (void)casefile::read_cases_text("c.yaml", text, diagnostics);
    return diagnostics.render_all();
  };
  CHECK(told("{execve: , repeat: 3}").empty());
  CHECK(told("{openat: {name: \"{n}\"}}").empty());
  CHECK(has(told("{openat: {name: /x}, repeat: 0}"), "c.yaml:4:39: error: `repeat` takes a number from 1 to 10000"));
  CHECK(has(told("{openat: {name: /x}, repeat: 10001}"), "`repeat` takes a number"));
  CHECK(has(told("{openat: {name: /x}, every: 3}"), "c.yaml:4:38: error: `every` takes a number and a unit"));
  CHECK(has(told("{repeat: 3}"), "an event is one type"));
  CHECK(has(told("{openat: {name: /x}, open: {name: /y}, repeat: 3}"), "an event is one type"));
  const std::string bad = told("{openat: {flags: \"O_{n}\"}, repeat: 50}");
  CHECK(has(bad, "'O_1' is none of its names"));
  CHECK_FALSE(has(bad, "'O_2'"));
}
