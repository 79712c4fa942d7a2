// Opens that are alike: what held for the paths of one is not looked up again for the next, and nothing else is taken
// over.
#include "agent/rule/open_cache.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "rule_support.h"

using namespace tiercel;
using namespace tiercel::rule;
using namespace tiercel::rule::test;

namespace {

std::shared_ptr<OpenCache> cache_of(uint32_t places) {
  auto cache = std::make_shared<OpenCache>();
  cache->bind(places);
  return cache;
}

// Until it is kept.
FoundTexts* twice(OpenCache& cache, World& world, const OpenArgs& args) {
  const TestEvent event = open_event(world, args);
  CHECK(cache.of(*event) == nullptr);
  return cache.of(*event);
}

}  // namespace

TEST_CASE("open cache: an open is kept when it comes a second time") {
  World world;
  const auto cache = cache_of(3);
  FoundTexts* kept = twice(*cache, world, {.name = "/etc/passwd", .realpath = "/etc/passwd"});
  REQUIRE(kept);
  CHECK(!kept->found(0));
  const std::vector<match::PatternId> patterns{4, 2};
  kept->keep(0, patterns);
  kept->keep(1, {});
  const TestEvent other_number = open_event(world, {.name = "/etc/passwd", .fd = 77, .realpath = "/etc/passwd"});
  REQUIRE(cache->of(*other_number) == kept);
  REQUIRE(kept->found(0));
  CHECK(std::ranges::equal(*kept->found(0), patterns));
  REQUIRE(kept->found(1));
  CHECK(kept->found(1)->empty());
  CHECK(!kept->found(2));
}

TEST_CASE("open cache: whatever else differs is another open") {
  World world;
  const OpenArgs first{.name = "/etc/passwd", .realpath = "/etc/passwd"};
  const OpenArgs others[] = {
      {.name = "/etc/passwe", .realpath = "/etc/passwd"},
      {.name = "/etc/passwd", .realpath = "/x/passwd"},
      {.name = "/etc/passwd", .realpath = ""},
      {.name = "/etc/passwd", .fd = -2, .realpath = "/etc/passwd"},
      {.name = "/etc/passwd", .flags = O_RDWR, .realpath = "/etc/passwd"},
      {.type = EVT_open, .name = "/etc/passwd", .realpath = "/etc/passwd"},
      {.name = "/etc/passwd", .realpath = "/etc/passwd", .mode = 0755},
      {.name = "/etc/passwd", .realpath = "/etc/passwd", .i_mode = S_IFDIR | 0755},
  };
  for (const OpenArgs& args : others) {
    const auto cache = cache_of(1);
    FoundTexts* kept = twice(*cache, world, first);
    kept->keep(0, std::vector<match::PatternId>{1});
    const TestEvent event = open_event(world, args);
    for (int n = 0; n < 2; ++n) {
      FoundTexts* found = cache->of(*event);
      CHECK((found == nullptr || !found->found(0)));
    }
  }
  const auto cache = cache_of(1);
  twice(*cache, world, first)->keep(0, std::vector<match::PatternId>{1});
  world.process->cwd = "/elsewhere";
  const TestEvent event = open_event(world, first);
  FoundTexts* found = cache->of(*event);
  CHECK((found == nullptr || !found->found(0)));
}

TEST_CASE("open cache: what is not whole, or long, or no open, is not kept") {
  World world;
  const auto cache = cache_of(1);
  const TestEvent relative = open_event(world, {.name = "passwd"});
  const TestEvent longer = open_event(world, {.name = "/" + std::string(OpenCache::kBytesMax, 'x')});
  const TestEvent socket = sock_event(world);
  world.process->cwd = "";
  const TestEvent nowhere = open_event(world, {.name = "passwd"});
  for (int n = 0; n < 3; ++n) {
    CHECK(cache->of(*longer) == nullptr);
    CHECK(cache->of(*socket) == nullptr);
    CHECK(cache->of(*nowhere) == nullptr);
  }
  CHECK(cache->of(*relative) == nullptr);
  CHECK(cache->of(*relative) != nullptr);
}

TEST_CASE("open cache: opens that come once drive nothing out") {
  World world;
  const auto cache = cache_of(1);
  FoundTexts* kept = twice(*cache, world, {.name = "/kept"});
  for (int n = 0; n < 5'000; ++n) {
    const TestEvent event = open_event(world, {.name = "/once/" + std::to_string(n)});
    CHECK(cache->of(*event) == nullptr);
  }
  const TestEvent again = open_event(world, {.name = "/kept"});
  CHECK(cache->of(*again) == kept);
}

// Rules about paths in every way of comparing, and opens at random out of few: one engine that has seen them all, and
// one that has seen nothing, say the same.
TEST_CASE("open cache: an engine with a past judges as one without") {
  std::string rules;
  int number = 0;
  for (const char* field : {"fd.name", "fd.nameraw", "fd.realpath", "fd.directory", "fd.filename", "fs.path.name",
                            "fs.path.nameraw", "basename(fd.name)", "toupper(fd.filename)", "fd.containername"})
    for (const char* test :
         {"startswith /etc", "endswith swd", "contains tc/", "icontains ETC", "glob */e*", "pmatch (/etc, /tmp/a)",
          "regex \".*(etc|a)/.*\"", "in (passwd, /etc/passwd, /etc, PASSWD)"})
      rules +=
          rule_yaml("evt.type in (open, openat, creat) and (" + std::string(field) + " " + test + " or proc.name = x)",
                    "o", "R" + std::to_string(++number));
  LoadOptions options = plain_options();
  options.matching = Matching::kAll;
  const Loaded loaded = load(rules, options);
  REQUIRE_MESSAGE(loaded.rules, errors_of(loaded));
  Matcher old(loaded.rules);
  std::mt19937 dice(7);
  const auto any = [&](auto list) { return *(list.begin() + static_cast<long>(dice() % list.size())); };
  World world;
  size_t matches = 0;
  for (int n = 0; n < 3'000; ++n) {
    world.process->cwd = any(std::initializer_list<const char*>{"/root/desk", "/etc", ""});
    const std::string name =
        any(std::initializer_list<const char*>{"/etc/passwd", "passwd", "../etc/passwd", "/tmp/a/b", "/"});
    const TestEvent event =
        open_event(world, {.type = any(std::initializer_list<uint16_t>{EVT_open, EVT_openat, EVT_creat}),
                           .name = name,
                           .fd = any(std::initializer_list<int64_t>{3, 4, -2}),
                           .realpath = any(std::initializer_list<const char*>{"/etc/passwd", "/tmp/a/b", ""}),
                           .i_mode = any(std::initializer_list<uint32_t>{S_IFREG | 0644, S_IFDIR | 0755, S_IFIFO})});
    Matcher fresh(loaded.rules);
    const auto said = [&](Matcher& matcher) {
      std::vector<std::pair<RuleId, bool>> out;
      for (const Match& match : matcher.match(*event))
        out.emplace_back(match.rule, match.view == context::PathView::kKernel);
      return out;
    };
    const auto expected = said(fresh);
    matches += expected.size();
    CHECK(said(old) == expected);
  }
  CHECK(matches > 10'000);
}
