// What a set of rules asks of the sensor.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "agent/reload/rules.h"
#include "agent/sensor/hooks.h"
#include "rule_support.h"

using namespace tiercel;
using tiercel::reload::wanted_by;
using namespace tiercel::rule::test;

namespace {

using Types = std::vector<uint16_t>;
const Types kRoles = {EVT_connect, EVT_accept, EVT_accept4};

sensor::Wanted wanted(const std::string& condition, const std::string& output = "out") {
  const auto loaded = load(rule_yaml(condition, output));
  REQUIRE_MESSAGE(loaded.rules, loaded.diagnostics.render_all());
  return wanted_by(loaded.rules);
}

bool has_event(const sensor::Wanted& wanted, uint16_t type) {
  return std::find(wanted.events.begin(), wanted.events.end(), type) != wanted.events.end();
}

}  // namespace

TEST_CASE("the events that rules can match are wanted, each once and in order") {
  const sensor::Wanted both = wanted("evt.type in (unlinkat, fork, chdir)");
  CHECK(both.events == Types{EVT_fork, EVT_chdir, EVT_fchdir, EVT_unlinkat});
  CHECK(both.state.empty());
  CHECK_FALSE(both.env);
  CHECK_FALSE(both.cgroups);
  CHECK_FALSE(both.threads);
}

TEST_CASE("use of CPUs is looked at where a rule names procinfo, and needs no hook") {
  const sensor::Wanted got = wanted("evt.type = procinfo and thread.cpu > 90", "%proc.name");
  CHECK(got.events == Types{EVT_procinfo});
  CHECK(sensor::calls_of(got).empty());
  CHECK_FALSE(has_event(wanted("evt.type = execve", "%thread.cpu"), EVT_procinfo));
}

TEST_CASE("a rule that is off asks for nothing") {
  const auto loaded = load(rule_yaml("evt.type = procexit", "out", "a") +
                           rule_yaml("evt.type = sendto and proc.env contains X", "%fd.name %thread.cgroups", "b") +
                           "  enabled: false\n");
  REQUIRE(loaded.rules);
  const sensor::Wanted got = wanted_by(loaded.rules);
  CHECK(got.events == Types{EVT_procexit});
  CHECK(got.state.empty());
  CHECK_FALSE(got.env);
  CHECK_FALSE(got.cgroups);
}

TEST_CASE("folders are followed where some call is hooked anyway, or a rule reads them") {
  CHECK(wanted("evt.type = procexit").events == Types{EVT_procexit});
  CHECK(wanted("evt.type = procexit and proc.cwd startswith /tmp").events ==
        Types{EVT_procexit, EVT_chdir, EVT_fchdir});
  CHECK(wanted("evt.type = procexit", "%proc.cwd").events == Types{EVT_procexit, EVT_chdir, EVT_fchdir});
  CHECK(has_event(wanted("evt.type = openat"), EVT_chdir));
  CHECK(has_event(wanted("evt.type = execve"), EVT_fchdir));
}

TEST_CASE("sessions and groups are followed for rules that read them") {
  for (const char* field :
       {"proc.sid", "proc.sname", "proc.sid.exe", "proc.sid.exepath", "proc.tty", "proc.is_sid_leader", "proc.vpgid",
        "proc.vpgid.name", "proc.vpgid.exe", "proc.vpgid.exepath", "proc.pgid", "proc.pgid.name", "proc.pgid.exe",
        "proc.pgid.exepath", "proc.is_vpgid_leader", "proc.is_pgid_leader"}) {
    CAPTURE(field);
    const bool group = std::string(field).find("pgid") != std::string::npos;
    for (const sensor::Wanted& got : {wanted("evt.type = fork", "%" + std::string(field)),
                                      wanted("evt.type = fork and " + std::string(field) + " exists")}) {
      CHECK(has_event(got, EVT_setsid));
      CHECK(has_event(got, EVT_setpgid) == group);
      CHECK(std::is_sorted(got.events.begin(), got.events.end()));
      CHECK(std::adjacent_find(got.events.begin(), got.events.end()) == got.events.end());
    }
  }
  const sensor::Wanted none = wanted("evt.type = openat", "%proc.name %proc.pid");
  CHECK_FALSE(has_event(none, EVT_setsid));
  CHECK_FALSE(has_event(none, EVT_setpgid));
}

TEST_CASE("who connected is remembered where another event has to tell who is the client") {
  for (const char* event : {"sendto", "read", "close", "recvmsg", "dup2", "shutdown"}) {
    CAPTURE(event);
    const std::string type = "evt.type = " + std::string(event);
    CHECK(wanted(type, "%fd.sip").state == kRoles);
    CHECK(wanted(type + " and fd.sport = 53").state == kRoles);
    CHECK(wanted(type, "%fd.name").state == kRoles);
    CHECK(wanted(type, "%evt.args").state == kRoles);
    CHECK(wanted(type, "%fd.num %fd.rip %fd.rport %fd.type %proc.name").state.empty());
  }
  for (const char* field : {"fd.cip", "fd.cport", "fd.cproto", "fd.sproto", "fd.is_server", "fd.name_changed",
                            "evt.info", "fd.nameraw", "fd.containername"}) {
    CAPTURE(field);
    CHECK(wanted("evt.type = sendto", "%" + std::string(field)).state == kRoles);
  }
  CHECK(wanted("evt.type = sendto and fd.snet = 10.0.0.0/8").state == kRoles);
  CHECK(wanted("evt.type = sendto", "%evt.arg.tuple").state == kRoles);
  CHECK(wanted("evt.type = sendto", "%evt.arg.fd").state == kRoles);
  CHECK(wanted("evt.type = sendto", "%evt.arg[2]").state == kRoles);  // res data fd size tuple
  CHECK(wanted("evt.type = sendto", "%evt.arg[0] %evt.arg.size").state.empty());
  CHECK(wanted("evt.type = dup", "%evt.arg.res").state == kRoles);
}

TEST_CASE("calls that make connections tell the roles themselves, and are not watched twice") {
  CHECK(wanted("evt.type in (connect, accept, accept4, bind)", "%fd.name").state.empty());
  CHECK(wanted("evt.type in (openat, unlink)", "%fd.name").state.empty());
  CHECK(wanted("evt.type = pipe", "%fd.name").state.empty());
  const sensor::Wanted some = wanted("evt.type in (connect, sendto)", "%fd.name");
  CHECK(has_event(some, EVT_connect));
  CHECK(some.state == Types{EVT_accept, EVT_accept4});
}

TEST_CASE("standard descriptors of programs need the roles whatever the event") {
  for (const char* field : {"proc.stdin.name", "proc.stdout.name", "proc.stderr.name"}) {
    CAPTURE(field);
    CHECK(wanted("evt.type = execve and " + std::string(field) + " contains 4444").state == kRoles);
    CHECK(wanted("evt.type = openat", "%" + std::string(field)).state == kRoles);
  }
  CHECK(wanted("evt.type = execve", "%proc.stdin.type").state.empty());
}

TEST_CASE("the environment and the cgroups, by field and by parameter") {
  for (const char* field : {"proc.env", "proc.env[PATH]", "proc.aenv[1]", "proc.aenv[PATH]", "evt.arg.env", "evt.args",
                            "evt.info", "evt.arg[15]"}) {
    CAPTURE(field);
    CHECK(wanted("evt.type = execve", "%" + std::string(field)).env);
  }
  CHECK(wanted("evt.type = execve and evt.rawarg.env contains LD_PRELOAD").env);
  for (const char* field :
       {"thread.cgroups", "thread.cgroup.cpu", "evt.arg.cgroups", "evt.args", "evt.info", "evt.arg[14]"}) {
    CAPTURE(field);
    CHECK(wanted("evt.type = execve", "%" + std::string(field)).cgroups);
  }
  const sensor::Wanted none = wanted("evt.type = execve", "%proc.cmdline %evt.arg.cwd %evt.arg[0]");
  CHECK_FALSE(none.env);
  CHECK_FALSE(none.cgroups);
}

TEST_CASE("threads are told of where a rule names what makes them") {
  CHECK(wanted("evt.type = clone").threads);
  CHECK(wanted("evt.type = clone3").threads);
  CHECK_FALSE(wanted("evt.type in (fork, vfork)").threads);
  CHECK_FALSE(wanted("evt.type = execve").threads);
}

TEST_CASE("the kernel is given no more to do than the configuration allows") {
  const std::string text =
      rule_yaml("evt.type = execve and evt.failed = false and container.id != host and proc.name = xmrig", "out", "a") +
      "- rule: kill\n  desc: d\n  condition: rule.name = a\n  action: {type: kill}\n  budget_per_min: 50\n";
  const auto loaded = load(text);
  REQUIRE_MESSAGE(loaded.rules, loaded.diagnostics.render_all());
  config::Config config;
  auto got = reload::kernel_responses(*loaded.rules, config);
  REQUIRE(got.size() == 1);
  CHECK_FALSE(got[0].dry_run);
  CHECK(got[0].budget_per_min == 50);
  config.response.dry_run = true;
  config.response.budget_per_min = 7;
  got = reload::kernel_responses(*loaded.rules, config);
  REQUIRE(got.size() == 1);
  CHECK(got[0].dry_run);
  CHECK(got[0].budget_per_min == 7);
  config.group_rules = std::make_shared<const std::vector<config::GroupRules>>(
      std::vector<config::GroupRules>{{loaded.rules->responses()[0].position.file, ""}});
  CHECK(reload::kernel_responses(*loaded.rules, config).empty());
  config.group_rules = nullptr;
  config.response.enabled = false;
  CHECK(reload::kernel_responses(*loaded.rules, config).empty());
}
