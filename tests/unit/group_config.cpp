// GroupConfig: sets that apply, are refused, wait or go; what the manager is told; what a restart finds. The test
// stands in for the reload thread and loads rules as it does.
#include <doctest/doctest.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "agent/config/load.h"
#include "agent/group/group_config.h"
#include "agent/reload/rules.h"
#include "agent/rule_options.h"
#include "siem/wazuh/crypto.h"
#include "siem/wazuh/merged.h"
#include "siem_support.h"

using namespace tiercel;
using namespace tiercel::group;
using siem::test::TempDir;
using Files = std::vector<wazuh::MergedFile>;

namespace {

std::string rule_text(const std::string& name, const std::string& condition = "evt.type = execve") {
  return "- rule: " + name + "\n  desc: d\n  condition: " + condition + "\n  output: o\n  priority: NOTICE\n";
}

std::string text_of(const alert::Report& report, const std::string& key) {
  for (const auto& [name, value] : report.fields)
    if (name == key) {
      if (const auto* text = std::get_if<std::string>(&value.value)) return *text;
      if (const auto* number = std::get_if<int64_t>(&value.value)) return std::to_string(*number);
      if (const auto* number = std::get_if<uint64_t>(&value.value)) return std::to_string(*number);
    }
  return "(none)";
}

// An agent from its start on; another one on the same folder is the next start.
class Agent {
 public:
  explicit Agent(TempDir& dir, const std::string& host_config = "") : dir_(dir), host_config_(host_config) {
    std::filesystem::create_directories(dir_ / "rules.d");
    if (!std::filesystem::exists(dir_ / "rules.d/host.yaml"))
      write_host_rules(rule_text("host") + "- macro: m\n  condition: proc.name = x\n");
    group.emplace(GroupConfig::Options{dir_ / "state/shared", "1", [] { return uint64_t{7}; }});
    Diagnostics none;
    running = read(none);
    REQUIRE(running);
    group->connect({.report = [this](alert::Report report) { reports.push_back(std::move(report)); },
                    .poke = [this] { poked = true; },
                    .ask = [this] { asked = true; },
                    .ar_conf = [this](const std::string& text) { ar_confs.push_back(text); }});
  }

  void write_host_rules(const std::string& text) { std::ofstream(dir_ / "rules.d/host.yaml", std::ios::trunc) << text; }
  void set_host_config(const std::string& text) { host_config_ = text; }

  std::string offer(const Files& files) {
    Files all{{"ar.conf", "x - y - 0\n"}};
    all.insert(all.end(), files.begin(), files.end());
    return offer_text(wazuh::format_merged("web", all));
  }
  std::string offer_text(const std::string& merged) {
    const std::string md5 = wazuh::md5_hex(merged);
    group->offer(md5, merged);
    return md5;
  }
  // The reload thread until it has nothing to do.
  void work() {
    while (poked || asked) {
      if (std::exchange(poked, false)) group->errand();
      if (std::exchange(asked, false)) reload();
    }
  }
  std::string push(const Files& files) {
    const std::string md5 = offer(files);
    work();
    return md5;
  }
  bool reload() {
    ++reloads;
    Diagnostics found;
    reload::Outcome outcome;
    const auto read_now = read(found);
    reload::add_findings(outcome, found);
    if (read_now) {
      const rule::Loaded loaded = reload::load_rules(*read_now, rule_options(*read_now));
      reload::add_findings(outcome, loaded.diagnostics);
      outcome.reason = reload::why_useless(loaded, *read_now);
      outcome.rules.active = loaded.rules->active_count();
    }
    outcome.accepted = read_now && outcome.errors == 0 && outcome.reason.empty();
    if (outcome.accepted) running = read_now;
    group->concluded(outcome);
    return outcome.accepted;
  }
  [[nodiscard]] std::vector<std::string> rule_names() const {
    std::vector<std::string> names;
    if (running->group_rules)
      for (const auto& file : *running->group_rules) names.push_back(file.name);
    return names;
  }

  std::optional<GroupConfig> group;
  std::optional<config::Config> running;
  std::vector<alert::Report> reports;
  std::vector<std::string> ar_confs;
  int reloads = 0;
  bool poked = false, asked = false;

 private:
  std::optional<config::Config> read(Diagnostics& found) {
    auto host = config::parse(host_config_ + "\nrules_files: [" + (dir_ / "rules.d") + "]\n", "/etc/host.yaml", found);
    return host ? group->lay_over(std::move(*host), found) : host;
  }

  TempDir& dir_;
  std::string host_config_;
};

const std::vector<std::string> kWeb{"tiercel-rules/web.yaml"};

}  // namespace

TEST_CASE("group: a set applies, is told, kept, and applies at the next start before any manager") {
  TempDir dir;
  const std::string rules = rule_text("web", "evt.type = execve and m");
  std::string md5;
  {
    Agent agent(dir);
    CHECK(agent.group->told_md5().empty());
    CHECK(agent.ar_confs.empty());
    md5 = agent.push(
        {{"tiercel.yaml", "heartbeat_interval_s: 60\n"}, {"tiercel-rules/web.yaml", rules}, {"agent.conf", "?"}});
    CHECK(agent.reloads == 1);
    CHECK(agent.rule_names() == kWeb);
    CHECK(agent.running->heartbeat_interval_s == 60);
    REQUIRE(agent.reports.size() == 1);
    CHECK(agent.reports[0].rule == "Tiercel internal: group configuration applied");
    CHECK(agent.reports[0].priority == alert::Priority::kInformational);
    CHECK(text_of(agent.reports[0], "md5") == md5);
    CHECK(text_of(agent.reports[0], "rules_active") == "2");
    CHECK(agent.group->told_md5() == md5);
    CHECK(agent.group->state().md5 == md5);
    CHECK(agent.group->state().files.size() == 2);
    CHECK(agent.ar_confs == std::vector<std::string>{"x - y - 0\n"});
    // The same set again, with another file of the manager's: nothing to reload, but its MD5 is the one to tell.
    const std::string other =
        agent.push({{"tiercel.yaml", "heartbeat_interval_s: 60\n"}, {"tiercel-rules/web.yaml", rules}});
    CHECK(agent.reloads == 1);
    CHECK(agent.reports.size() == 1);
    CHECK(agent.group->told_md5() == other);
    CHECK(agent.ar_confs.size() == 1);
    md5 = other;
  }
  Agent next(dir);
  CHECK(next.group->told_md5() == md5);
  CHECK(next.rule_names() == kWeb);
  CHECK(next.running->heartbeat_interval_s == 60);
  CHECK(next.ar_confs == std::vector<std::string>{"x - y - 0\n"});
  CHECK(next.reports.empty());
}

TEST_CASE("group: a bad rule leaves the old set, here and at the next start, and the manager hears where and why") {
  TempDir dir;
  std::string bad;
  {
    Agent agent(dir);
    const std::string good = agent.push({{"tiercel-rules/web.yaml", rule_text("web")}});
    const std::string mistake =
        rule_text("web") + "- rule: bad\n  desc: d\n  condition: evt.typ = execve\n  output: o\n  priority: NOTICE\n";
    bad = agent.push({{"tiercel-rules/web.yaml", mistake}});
    REQUIRE(agent.reports.size() == 2);
    const alert::Report& report = agent.reports[1];
    CHECK(report.rule == "Tiercel internal: group configuration refused");
    CHECK(text_of(report, "file") == "tiercel-rules/web.yaml");
    CHECK(text_of(report, "line") == "8");
    CHECK(text_of(report, "column") == "14");
    CHECK(text_of(report, "md5") == bad);
    CHECK(text_of(report, "reason").find("evt.typ") != std::string::npos);
    CHECK(report.message.find("tiercel-rules/web.yaml:8:14: ") != std::string::npos);
    CHECK(agent.group->state().md5 == good);
    CHECK(agent.group->told_md5() == bad);
    CHECK(agent.reload());  // the host's own reloads are not held up by it
    CHECK(agent.running->group_rules->at(0).text == rule_text("web"));
  }
  {
    Agent next(dir);
    CHECK(next.group->told_md5() == bad);  // or the manager sends it for ever
    CHECK(next.running->group_rules->at(0).text == rule_text("web"));
    REQUIRE(next.group->state().refusal);
    CHECK(next.group->state().refusal->line == 8);
    CHECK(next.reports.empty());
  }
  {
    Agent other_policy(dir, "group_configuration: {allow: [outputs]}");  // what was refused might be good now
    CHECK(other_policy.group->told_md5() != bad);
    CHECK_FALSE(other_policy.group->state().refusal);
  }
  Agent healed(dir);
  const std::string fresh = healed.push({{"tiercel-rules/web.yaml", rule_text("better")}});
  CHECK(healed.group->told_md5() == fresh);
  CHECK_FALSE(healed.group->state().refusal);
}

TEST_CASE("group: configuration that is bad, not allowed, or no merged.mg at all") {
  TempDir dir;
  Agent agent(dir);
  agent.push({{"tiercel.yaml", "priority: debug\n\noutputs: [{type: file, config: {path: /etc/passwd}}]\n"}});
  REQUIRE(agent.reports.size() == 1);
  CHECK(text_of(agent.reports[0], "file") == "tiercel.yaml");
  CHECK(text_of(agent.reports[0], "line") == "3");
  CHECK(text_of(agent.reports[0], "reason").find("allow: [outputs]") != std::string::npos);
  CHECK(agent.running->outputs == config::Config{}.outputs);
  agent.set_host_config("group_configuration: {allow: [outputs]}");
  agent.reload();
  agent.push({{"tiercel.yaml", "outputs: [{type: syslog}]\n"}});
  CHECK(text_of(agent.reports.back(), "files") == "tiercel.yaml");
  CHECK(agent.running->outputs.size() == 1);

  // The host changes its mind: the group's set is left out, and said so once.
  const size_t before = agent.reports.size();
  agent.set_host_config("");
  CHECK(agent.reload());
  CHECK(agent.reload());
  CHECK(agent.running->outputs == config::Config{}.outputs);
  REQUIRE(agent.reports.size() == before + 1);
  CHECK(text_of(agent.reports.back(), "file") == "tiercel.yaml");
  agent.set_host_config("group_configuration: {allow: [outputs]}");
  CHECK(agent.reload());
  CHECK_FALSE(agent.group->state().refusal);
  CHECK(agent.running->outputs.size() == 1);

  const int reloads = agent.reloads;
  const std::string odd = agent.offer_text("!9999 tiercel.yaml\nx");
  agent.work();
  CHECK(agent.reloads == reloads);
  CHECK(text_of(agent.reports.back(), "file") == "merged.mg");
  CHECK(agent.group->told_md5() == odd);
  const std::string unseen(32, 'b');
  agent.group->refuse_unseen(unseen, "too long");
  agent.work();
  CHECK(text_of(agent.reports.back(), "reason") == "too long");
  CHECK(agent.group->told_md5() == unseen);
}

TEST_CASE("group: the host's own mistakes make a set wait, and do not make it bad") {
  TempDir dir;
  Agent agent(dir);
  agent.write_host_rules(rule_text("host", "evt.typ = x"));
  const std::string md5 = agent.push({{"tiercel-rules/web.yaml", rule_text("web")}});
  REQUIRE(agent.reports.size() == 1);
  CHECK(text_of(agent.reports[0], "file") == (dir / "rules.d/host.yaml"));
  CHECK(agent.group->state().waits);
  CHECK(agent.group->told_md5().empty());
  CHECK_FALSE(agent.reload());
  CHECK(agent.reports.size() == 1);
  agent.write_host_rules(rule_text("host"));
  CHECK(agent.reload());
  agent.work();
  CHECK(agent.group->state().md5 == md5);
  CHECK_FALSE(agent.group->state().waits);
  CHECK(agent.rule_names() == kWeb);

  agent.set_host_config("priority: [");  // not even readable
  const std::string more = agent.push({{"tiercel-rules/web.yaml", rule_text("more")}});
  CHECK(agent.group->state().waits);
  agent.set_host_config("");
  CHECK(agent.reload());
  agent.work();
  CHECK(agent.group->state().md5 == more);

  // A set that breaks one of the host's rules is the group's fault all the same.
  agent.write_host_rules("- list: names\n  items: [a]\n" +
                         rule_text("host", "evt.type = execve and evt.arg.uid in (names)"));
  if (agent.reload()) {
    agent.push({{"tiercel-rules/web.yaml", "- list: names\n  items: [x, 'y z']\n"}});
    CHECK(agent.reload());
    agent.work();
    CHECK_FALSE(agent.group->state().waits);
    CHECK(agent.reload());
  }
}

TEST_CASE(
    "group: a set without our files gives the host its own configuration back; one that disables all is refused") {
  TempDir dir;
  Agent agent(dir);
  agent.push({{"agent.conf", "x"}});
  CHECK(agent.reloads == 0);
  CHECK(agent.reports.empty());
  agent.push({{"tiercel.yaml", "rules: [{disable: {rule: \"*\"}}]\n"}});
  CHECK(agent.reports.back().message.find("no rule is active") != std::string::npos);
  agent.push({{"tiercel-rules/web.yaml", rule_text("web")}, {"tiercel.yaml", "rules: [{disable: {rule: host}}]\n"}});
  CHECK(text_of(agent.reports.back(), "rules_active") == "1");
  agent.push({{"agent.conf", "x"}});
  CHECK(agent.reports.back().message.find("the host's own configuration applies") != std::string::npos);
  CHECK(agent.running->group_rules == nullptr);
  CHECK(agent.running->rules.empty());
  Agent next(dir);
  CHECK(next.running->group_rules == nullptr);
  CHECK(next.group->told_md5() == agent.group->told_md5());
}

TEST_CASE("group: a host may leave its group out, and still takes ar.conf") {
  TempDir dir;
  Agent agent(dir, "group_configuration: {enabled: false}");
  const std::string md5 = agent.push({{"tiercel-rules/web.yaml", rule_text("web")}});
  CHECK(agent.reloads == 0);
  CHECK(agent.running->group_rules == nullptr);
  CHECK(agent.group->told_md5() == md5);
  CHECK(agent.ar_confs.size() == 1);
  CHECK_FALSE(agent.group->state().enabled);
  agent.set_host_config("");
  CHECK(agent.reload());
  CHECK(agent.rule_names() == kWeb);
}

TEST_CASE("group: of many sets the last wins") {
  TempDir dir;
  Agent agent(dir);
  std::string last;
  for (int i = 0; i < 50; ++i) last = agent.offer({{"tiercel-rules/web.yaml", rule_text("web " + std::to_string(i))}});
  agent.work();
  CHECK(agent.reloads == 1);
  CHECK(agent.group->state().md5 == last);
  for (int i = 0; i < 20; ++i) last = agent.push({{"tiercel-rules/web.yaml", rule_text("web " + std::to_string(i))}});
  CHECK(agent.group->state().md5 == last);
  // One that comes between another's asking and its reload.
  agent.offer({{"tiercel-rules/web.yaml", rule_text("early")}});
  agent.poked = false;
  agent.group->errand();
  last = agent.offer({{"tiercel-rules/web.yaml", rule_text("late")}});
  agent.asked = false;
  agent.reload();
  agent.work();
  CHECK(agent.group->state().md5 == last);
  CHECK(agent.running->group_rules->at(0).text == rule_text("late"));
}

TEST_CASE("group: a set that cannot be kept applies all the same, and says so") {
  TempDir dir;
  Agent agent(dir);
  std::ofstream(dir / "state") << "a file where the folder should be";
  agent.push({{"tiercel-rules/web.yaml", rule_text("web")}});
  CHECK(agent.rule_names() == kWeb);
  CHECK(agent.reports.back().priority == alert::Priority::kWarning);
  CHECK(agent.reports.back().message.find("not kept for the next start") != std::string::npos);
}
