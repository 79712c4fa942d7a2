// The Reloader with a source that notes what it is asked, and the test in the place of the deciding thread.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "agent/base/fd.h"
#include "agent/config/load.h"
#include "agent/reload/reloader.h"
#include "agent/rule_options.h"
#include "siem_support.h"

using namespace tiercel;
using namespace tiercel::reload;
using tiercel::siem::test::TempDir;

namespace {

constexpr auto kPatience = std::chrono::seconds(60);  // only a hang takes so long

std::string rule_text(const std::string& name, const std::string& condition = "evt.type = execve") {
  return "- rule: " + name + "\n  desc: d\n  condition: " + condition + "\n  output: o\n  priority: NOTICE\n";
}

class NotingSource final : public sensor::Source {
 public:
  Result<> start(const sensor::RecordHandler&) override { return {}; }
  size_t drain(const sensor::RecordHandler&, size_t) override { return 0; }
  [[nodiscard]] std::vector<int> wait_fds() const override { return {}; }
  Result<bool> widen(const sensor::Wanted& wanted) override {
    CHECK_MESSAGE(!busy_.exchange(true), "two reloads at once");
    if (fails) return fail("no such hook");
    for (uint16_t type : wanted.events) attached.insert(type);
    return false;
  }
  void narrow(const sensor::Wanted& wanted) override {
    attached = std::set<uint16_t>(wanted.events.begin(), wanted.events.end());
    busy_ = false;
  }
  std::atomic<bool> fails = false;
  std::set<uint16_t> attached;  // read between reloads

 private:
  std::atomic<bool> busy_ = false;
};

class Agent {
 public:
  explicit Agent(const std::string& rules = rule_text("first"), int settle_ms = 5) {
    std::filesystem::create_directory(rules_dir());
    write_rules(rules);
    write_config("");
    Reloader::Options options;
    Diagnostics none;
    options.running = *read_config(none);
    options.read_config = [this](Diagnostics& found) { return read_config(found); };
    options.rule_options = rule_options;
    options.config_file = config_file();
    options.settle_ms = settle_ms;
    options.settle_ms_max = 600'000;
    reloader.emplace(std::move(options), metrics, clock);
    auto loaded = reloader->load_first(none);
    REQUIRE(loaded.has_value());
    matcher = std::make_unique<rule::Matcher>(*loaded);
  }

  [[nodiscard]] std::string rules_dir() const { return dir / "rules.d"; }
  [[nodiscard]] std::string rules_file() const { return dir / "rules.d/rules.yaml"; }
  [[nodiscard]] std::string config_file() const { return dir / "tiercel.yaml"; }
  void write_rules(const std::string& text) { write(rules_file(), text); }
  void write_config(const std::string& text) {
    write(config_file(), "rules_files: [" + rules_dir() + "]\nwatch_config_files: false\n" + text);
  }
  // As an editor saves: never a half.
  static void write(const std::string& path, const std::string& text) {
    std::ofstream(path + ".new", std::ios::binary) << text;
    std::filesystem::rename(path + ".new", path);
  }
  std::optional<config::Config> read_config(Diagnostics& found) const { return config::load(config_file(), found); }

  void start() { REQUIRE(reloader->start(source).has_value()); }
  // The deciding thread's turn, until something holds.
  template <class Condition>
  void decide_until(Condition&& condition) {
    const auto until = std::chrono::steady_clock::now() + kPatience;
    while (!condition()) {
      REQUIRE(std::chrono::steady_clock::now() < until);
      pollfd fd{reloader->offer_fd(), POLLIN, 0};
      if (::poll(&fd, 1, 2) <= 0) continue;
      reloader->take([this](Offer& offer) {
        if (offer.outcome.accepted) matcher.swap(offer.matcher);
        config = offer.config;
        ++taken;
      });
    }
  }
  Outcome outcome_of(uint64_t ticket) {
    decide_until([&] { return reloader->outcome(ticket).has_value(); });
    return *reloader->outcome(ticket);
  }
  Outcome reload(const std::string& cause = "test") { return outcome_of(reloader->request(cause)); }
  [[nodiscard]] std::string first_rule() const { return matcher->rules()->rule(0).name; }

  TempDir dir;
  Metrics metrics;
  SystemClock clock;
  NotingSource source;
  std::optional<Reloader> reloader;
  std::unique_ptr<rule::Matcher> matcher;
  config::Config config;
  int taken = 0;
};

}  // namespace

TEST_CASE("reloader: a new set takes the old one's place, which ends") {
  Agent agent;
  agent.start();
  const std::weak_ptr<const rule::RuleSet> old = agent.matcher->rules();
  const RulesState before = agent.reloader->state();
  agent.write_rules(rule_text("second") + rule_text("third", "evt.type = openat"));
  const Outcome outcome = agent.reload();
  CHECK(outcome.accepted);
  CHECK(outcome.causes == "test");
  CHECK(outcome.rules.active == 2);
  CHECK(agent.first_rule() == "second");
  agent.reload();  // the one before has ended for certain when the next is concluded
  CHECK(old.expired());
  CHECK(agent.source.attached.contains(EVT_openat));
  const RulesState state = agent.reloader->state();
  CHECK(state.accepted == 2);
  CHECK(state.refused == 0);
  CHECK(state.rules.digest == agent.matcher->rules()->digest());
  CHECK(state.rules.digest != before.rules.digest);
  CHECK(state.loaded_ns >= before.loaded_ns);
  CHECK(agent.metrics.sum("tiercel_rule_reloads_total") == 2);
  agent.write_rules(rule_text("fourth"));
  CHECK(agent.reload().accepted);
  agent.reload();
  CHECK_FALSE(agent.source.attached.contains(EVT_openat));
}

TEST_CASE("M6 reloader: bad sets are refused with their reason, and the old one stays with its hooks") {
  Agent agent(rule_text("first", "evt.type = openat"));
  agent.start();
  CHECK(agent.reload().accepted);
  const std::string digest = agent.matcher->rules()->digest();
  auto refuses = [&](const std::string& why) {
    const Outcome outcome = agent.reload();
    CHECK_FALSE(outcome.accepted);
    CHECK_MESSAGE(outcome.reason.find(why) != std::string::npos, outcome.reason);
    CHECK(outcome.rules.digest == digest);
    CHECK(agent.matcher->rules()->digest() == digest);
    const RulesState state = agent.reloader->state();
    CHECK(state.refusal_stands);
    CHECK(state.refusal == outcome.reason);
    CHECK(state.rules.digest == digest);
    CHECK(agent.source.attached.contains(EVT_openat));
    CHECK_FALSE(agent.source.attached.contains(EVT_connect));
  };
  SUBCASE("a mistake beside good rules") {
    agent.write_rules(rule_text("good", "evt.type = connect") + rule_text("bad", "evt.type = execve and no.field = x"));
    refuses("rules.yaml:8:36: error: rule 'bad'");
  }
  SUBCASE("no YAML") {
    agent.write_rules("- rule: [");
    refuses("rules.yaml:1:");
  }
  SUBCASE("an empty folder") {
    std::filesystem::remove(agent.rules_file());
    refuses("no rule is active");
  }
  SUBCASE("a file that cannot be read") {
    std::filesystem::create_symlink("nowhere", agent.rules_dir() + "/z.yaml");
    refuses("z.yaml: error: cannot be read");
  }
  SUBCASE("no active rule") {
    agent.write_rules(rule_text("off") + "  enabled: false\n");
    refuses("no rule is active");
  }
  SUBCASE("a mistake in the configuration") {
    agent.write_config("prioritty: Error\n");
    refuses("tiercel.yaml:3:1: error: unknown key 'prioritty'");
  }
  SUBCASE("hooks that cannot be attached") {
    agent.write_rules(rule_text("good", "evt.type = connect"));
    agent.source.fails = true;
    refuses("no such hook");
    agent.source.fails = false;
  }
  agent.write_config("");
  std::filesystem::remove(agent.rules_dir() + "/z.yaml");
  agent.write_rules(rule_text("mended", "evt.type = openat"));
  CHECK(agent.reload().accepted);
  CHECK_FALSE(agent.reloader->state().refusal_stands);
  CHECK(agent.reloader->state().refused == 1);
  CHECK_FALSE(agent.reloader->state().refusal.empty());  // the last one can still be read
}

TEST_CASE("reloader: requests that overlap are all answered, one at a time, and the last one wins") {
  Agent agent;
  const uint64_t early = agent.reloader->request("before the start");
  agent.start();
  CHECK(agent.outcome_of(early).accepted);
  constexpr int kThreads = 4, kRequests = 25;
  std::atomic<uint64_t> newest = 0;
  std::vector<std::thread> threads;
  std::vector<std::vector<uint64_t>> tickets(kThreads);
  std::atomic<int> running = kThreads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < kRequests; ++i) {
        Agent::write(agent.rules_dir() + "/t" + std::to_string(t) + ".yaml", rule_text("t" + std::to_string(i)));
        tickets[static_cast<size_t>(t)].push_back(agent.reloader->request("thread"));
      }
      --running;
    });
  agent.decide_until([&] { return running == 0; });
  for (std::thread& thread : threads) thread.join();
  for (const auto& of_thread : tickets)
    for (uint64_t ticket : of_thread) newest = std::max(newest.load(), ticket);
  CHECK(newest == kThreads * kRequests + 1);
  CHECK(agent.outcome_of(newest).accepted);
  for (const auto& of_thread : tickets)
    for (uint64_t ticket : of_thread) CHECK(agent.reloader->outcome(ticket).has_value());
  CHECK_FALSE(agent.reloader->outcome(newest + 1).has_value());
  CHECK(agent.first_rule() == "first");
  CHECK(agent.matcher->rules()->find("t" + std::to_string(kRequests - 1)).has_value());
  CHECK(agent.taken <= kThreads * kRequests + 1);
}

TEST_CASE("M6 reloader: a changed file is read by itself, but not while it is written") {
  Agent agent;
  Agent::write(agent.config_file(), "rules_files: [" + agent.rules_dir() + "]\n");
  agent.start();
  CHECK(agent.reload("switch on").accepted);
  CHECK(agent.reloader->state().watching);
  agent.write_rules(rule_text("renamed over"));
  agent.decide_until([&] { return agent.first_rule() == "renamed over"; });

  Fd out(::open(agent.rules_file().c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC));
  const std::string text = rule_text("in place"), half = text.substr(0, 30);
  REQUIRE(write_all(out.get(), half.data(), half.size()));
  const uint64_t accepted = agent.reloader->state().accepted;
  REQUIRE(write_all(out.get(), text.data() + half.size(), text.size() - half.size()));
  CHECK(agent.reloader->state().refused == 0);
  out.reset();
  agent.decide_until([&] { return agent.first_rule() == "in place"; });
  CHECK(agent.reloader->state().refused == 0);
  CHECK(agent.reloader->state().accepted <= accepted + 1);

  Agent::write(agent.rules_dir() + "/0.yaml", rule_text("added"));
  agent.decide_until([&] { return agent.first_rule() == "added"; });
  std::filesystem::remove(agent.rules_dir() + "/0.yaml");
  agent.decide_until([&] { return agent.first_rule() == "in place"; });
  // The configuration too; and from here on nothing is watched.
  agent.write_config("rule_matching: all\n");
  agent.decide_until([&] { return !agent.reloader->state().watching; });
  CHECK(agent.matcher->rules()->parts().matching == rule::Matching::kAll);
}

TEST_CASE("reloader: what changed between the first reading and the start is not missed") {
  Agent agent;
  Agent::write(agent.config_file(), "rules_files: [" + agent.rules_dir() + "]\n");
  Diagnostics none;
  Reloader::Options options;
  options.running = *agent.read_config(none);
  options.settle_ms = 5;
  agent.reloader.emplace(std::move(options), agent.metrics, agent.clock);
  REQUIRE(agent.reloader->load_first(none).has_value());
  agent.write_rules(rule_text("meanwhile"));
  agent.start();
  agent.decide_until([&] { return agent.first_rule() == "meanwhile"; });
}

TEST_CASE("reloader: keys that rules depend on are read again, others wait for a restart") {
  Agent agent(rule_text("first") + rule_text("minor").replace(rule_text("minor").find("NOTICE"), 6, "DEBUG"));
  agent.start();
  CHECK(agent.reload().rules.active == 2);
  agent.write_config("rules: [{disable: {rule: minor}}]\n");
  CHECK(agent.reload().rules.active == 1);
  agent.write_config("priority: Notice\nheartbeat_interval_s: 7\nsensor: {ring_bulk_size_kb: 64}\n");
  const Outcome outcome = agent.reload();
  CHECK(outcome.accepted);
  CHECK(outcome.rules.active == 1);
  CHECK(outcome.needs_restart == std::vector<std::string>{"sensor"});
  CHECK(agent.config.heartbeat_interval_s == 7);
  CHECK(agent.config.sensor == config::Config{}.sensor);
  CHECK(agent.reloader->state().needs_restart == outcome.needs_restart);
  agent.write_config("");
  CHECK(agent.reload().needs_restart.empty());
}

TEST_CASE("reloader: the end does not wait for an offer that nobody takes") {
  Agent agent;
  agent.start();
  const uint64_t ticket = agent.reloader->request("test");
  pollfd fd{agent.reloader->offer_fd(), POLLIN, 0};
  REQUIRE(::poll(&fd, 1, 60'000) == 1);
  agent.reloader->stop();
  CHECK_FALSE(agent.reloader->outcome(ticket).has_value());
  CHECK(agent.first_rule() == "first");
  agent.reloader->take([](Offer&) { FAIL("an offer after the end"); });
}
