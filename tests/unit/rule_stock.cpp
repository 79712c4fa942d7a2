// Falco's own rule files: they load without an error, alone and together, strict and tolerant, and mean the same.
#include <doctest/doctest.h>

#include <algorithm>

#include "rule_support.h"

using namespace tiercel::rule;
using namespace tiercel::rule::test;

namespace {

const std::vector<std::string> kFiles = {"falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml",
                                         "application_rules.yaml", "falco-deprecated_rules.yaml"};

std::vector<std::string> stock_paths() {
  std::vector<std::string> out;
  for (const std::string& name : kFiles) out.push_back((shared_dir() / "data/falco-rules" / name).string());
  return out;
}

}  // namespace

TEST_CASE("rule stock: every file alone, strict and tolerant") {
  if (shared_dir().empty()) {
    MESSAGE("no reference data beside the checkout");
    return;
  }
  const std::vector<size_t> rules = {25, 31, 37, 0, 4};
  for (size_t n = 0; n < kFiles.size(); ++n) {
    for (bool strict : {false, true}) {
      LoadOptions options;
      options.strict = strict;
      const Loaded loaded = load_paths({stock_paths()[n]}, options);
      CHECK_MESSAGE(errors_of(loaded).empty(), kFiles[n] << errors_of(loaded));
      REQUIRE(loaded.rules);
      CHECK(loaded.rules->size() == rules[n]);
      CHECK(loaded.skipped.empty());
    }
  }
}

TEST_CASE("rule stock: all together in their natural order, strict and tolerant") {
  if (shared_dir().empty()) return;
  std::string digests[2];
  for (bool strict : {false, true}) {
    LoadOptions options;
    options.strict = strict;
    const Loaded loaded = load_paths(stock_paths(), options);
    CHECK_MESSAGE(errors_of(loaded).empty(), errors_of(loaded));
    REQUIRE(loaded.rules);
    CHECK(loaded.rules->size() == 97);
    CHECK(loaded.skipped.empty());
    CHECK(!has(warnings_of(loaded), "LOAD_WARNING_EXTENSION"));  // nothing had to be bent
    digests[strict] = loaded.rules->digest();
  }
  CHECK(digests[0] == digests[1]);
}

TEST_CASE("rule stock: every order of files that begins with the one whose macros the others need") {
  if (shared_dir().empty()) return;
  std::vector<std::string> paths = stock_paths();
  for (size_t n = 1; n < paths.size(); ++n) {
    std::swap(paths[1], paths[n]);
    CHECK_MESSAGE(errors_of(load_paths(paths)).empty(), paths[1]);
  }
}

TEST_CASE("rule stock: a container without a sensitive mount does not fire the sensitive mount rule") {
  if (shared_dir().empty()) return;
  std::vector<RuleText> texts;
  for (const std::string& path : stock_paths()) texts.push_back({path, read_text(path)});
  World world;
  world.in_container();
  world.process->vpid = 1;
  const TestEvent event = exec_event(world);
  auto fires = [&] {
    LoadOptions options = plain_options();
    options.matching = Matching::kAll;
    const Loaded loaded = load_texts(texts, options);
    Matcher matcher(loaded.rules);
    const RuleId id = loaded.rules->find("Launch Sensitive Mount Container").value();
    const auto matches = matcher.match(*event);
    return std::any_of(matches.begin(), matches.end(), [&](const Match& match) { return match.rule == id; });
  };
  CHECK(!fires());
  // It is the mount that it waits for, nothing else.
  texts.push_back(
      {"mine.yaml", "- {macro: sensitive_mount, condition: evt.num > 0, override: {condition: replace}}\n"});
  CHECK(fires());
}

TEST_CASE("rule stock: all together, after the shipped base and before the seed's rules") {
  if (shared_dir().empty()) return;
  std::vector<std::string> paths = stock_paths();
  paths.insert(paths.begin(), (source_dir() / "rules/base.yaml").string());
  paths.push_back((source_dir() / "tests/data/seed_rules.yaml").string());
  const Loaded loaded = load_paths(paths);
  CHECK(errors_of(loaded).empty());
  REQUIRE(loaded.rules);
  CHECK(loaded.rules->size() == 97 + 3);
  CHECK(loaded.rules->event_types_needed()[EVT_connect]);
  CHECK(loaded.rules->digest().size() == 16);
  CHECK(load_paths(paths).rules->digest() == loaded.rules->digest());
  paths.pop_back();
  CHECK(load_paths(paths).rules->digest() != loaded.rules->digest());
}

TEST_CASE("rule stock: some of its rules on hand-made events") {
  if (shared_dir().empty()) return;
  LoadOptions options = plain_options();
  options.matching = Matching::kAll;
  const auto rules = load_paths({stock_paths()[0]}, options).rules;
  REQUIRE(rules);
  Matcher matcher(rules);
  auto names = [&](const tiercel::context::Event& event) {
    std::string out;
    for (const Match& match : matcher.match(event)) out += rules->rule(match.rule).name + "\n";
    return out;
  };
  World world;
  world.runs("cat", {"cat", "/etc/shadow"});
  CHECK(names(*open_event(world, {.name = "/etc/shadow"})).find("Read sensitive file untrusted") != std::string::npos);
  CHECK(names(*open_event(world, {.name = "/etc/hostname"})).empty());
  CHECK(names(*open_event(world, {.name = "/etc/shadow", .fd = -13})).empty());
  // A symbolic link to it: only the path that the kernel opened tells.
  const TestEvent linked = open_event(world, {.name = "/tmp/x", .realpath = "/etc/shadow"});
  const auto matches = matcher.match(*linked);
  REQUIRE(!matches.empty());
  CHECK(matches[0].view == tiercel::context::PathView::kKernel);
  World shell;
  shell.in_container();
  shell.runs("bash", {"bash"});
  shell.parent->image = World::image("runc", {"runc"});
  shell.process->tty = 34816;
  CHECK(names(*exec_event(shell)).find("Terminal shell in container") != std::string::npos);
}
