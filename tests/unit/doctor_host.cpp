// `tiercel doctor` before hosts that it is shown: each row says what was found, what follows and the way out.
#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timex.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "agent/base/fd.h"
#include "agent/doctor/doctor.h"

using namespace tiercel;
using doctor::Fact;
using doctor::State;

namespace {

class Host {
 public:
  Host() {
    char made[] = "/tmp/tiercel-doctor-XXXXXX";
    options.root = ::mkdtemp(made);
  }
  ~Host() { std::filesystem::remove_all(options.root); }
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;
  void file(const std::string& path, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(options.root + path).parent_path());
    std::ofstream(options.root + path) << text;
  }
  // A socket, with somebody behind it or not.
  [[nodiscard]] Fd socket(const std::string& path, bool listens) const {
    std::filesystem::create_directories(std::filesystem::path(options.root + path).parent_path());
    Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    (options.root + path).copy(address.sun_path, sizeof address.sun_path - 1);
    REQUIRE(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    if (listens) REQUIRE(::listen(fd.get(), 4) == 0);
    return fd;
  }
  doctor::Options options;
};

void check_complete(const std::vector<Fact>& facts) {
  for (const Fact& fact : facts) {
    CAPTURE(fact.what);
    CHECK_FALSE(fact.what.empty());
    CHECK_FALSE(fact.detail.empty());
    CHECK(fact.means.empty() == (fact.state == State::kGood));
    CHECK(fact.way_out.empty() == (fact.state == State::kGood));
  }
}

const Fact* named(const std::vector<Fact>& facts, const std::string& what) {
  for (const Fact& fact : facts)
    if (fact.what == what) return &fact;
  return nullptr;
}

}  // namespace

TEST_CASE("doctor: every row of this host that is not good says what follows and the way out") {
  doctor::Options options;
  options.config.run_dir = "/nonexistent";
  // but the kernel's, which takes seconds: tests/kernel asks for those
  std::vector<Fact> facts{doctor::disk_fact(options), doctor::clock_fact(), doctor::hardening_fact_of_host(options)};
  for (const auto& part :
       {doctor::security_facts(options), doctor::limit_facts(), doctor::runtime_facts(options),
        doctor::neighbour_facts(options), doctor::manager_facts(options), doctor::agent_facts(options)})
    facts.insert(facts.end(), part.begin(), part.end());
  check_complete(facts);
  for (const char* what : {"lockdown", "limit memlock", "limit nofile", "disk of state_dir", "clock", "runtime",
                           "beside us", "manager", "agent", "agent's hardening"}) {
    CAPTURE(what);
    CHECK(named(facts, what) != nullptr);
  }
}

TEST_CASE("doctor: lockdown, SELinux and AppArmor") {
  CHECK(doctor::chosen_word("none [integrity] confidentiality") == "integrity");
  CHECK(doctor::chosen_word("none").empty());
  const Host host;
  CHECK(named(doctor::security_facts(host.options), "lockdown")->state == State::kGood);
  CHECK(named(doctor::security_facts(host.options), "SELinux") == nullptr);
  host.file("/sys/kernel/security/lockdown", "none integrity [confidentiality]\n");
  host.file("/sys/fs/selinux/enforce", "1");
  host.file("/sys/kernel/security/apparmor/profiles", "");
  host.file("/proc/self/attr/current", "docker-default (enforce)\n");
  const std::vector<Fact> facts = doctor::security_facts(host.options);
  check_complete(facts);
  CHECK(named(facts, "lockdown")->state == State::kMissing);
  CHECK(named(facts, "SELinux")->state == State::kNote);
  CHECK(named(facts, "AppArmor")->detail == "this program is confined by docker-default (enforce)");
}

TEST_CASE("doctor: limits and clock") {
  CHECK(doctor::limit_fact_of("limit nofile", RLIM_INFINITY, 1'024).detail == "unlimited");
  CHECK(doctor::limit_fact_of("limit nofile", 1'024, 1'024).state == State::kGood);
  CHECK(doctor::limit_fact_of("limit nofile", 256, 1'024).state == State::kNote);
  CHECK(doctor::clock_fact_of(TIME_OK, 0, 20'000).state == State::kGood);
  CHECK(doctor::clock_fact_of(TIME_ERROR, STA_UNSYNC, 16'000'000).state == State::kNote);
  CHECK(doctor::clock_fact_of(TIME_OK, 0, 2'500'000).detail == "synchronised, but 2500 ms off at worst");
  check_complete({doctor::clock_fact_of(TIME_ERROR, 0, 0), doctor::clock_fact_of(TIME_OK, 0, 9'000'000)});
}

TEST_CASE("doctor: runtimes that answer, and sockets that somebody left") {
  const Host host;
  CHECK(doctor::runtime_facts(host.options).front().detail.starts_with("no socket"));
  const Fd docker = host.socket("/run/docker.sock", true);
  std::filesystem::create_directory(host.options.root + "/var");
  std::filesystem::create_directory_symlink("../run", host.options.root + "/var/run");
  const Fd left = host.socket("/run/crio/crio.sock", false);
  host.file("/run/containerd/containerd.sock", "no socket");
  const std::vector<Fact> facts = doctor::runtime_facts(host.options);
  check_complete(facts);
  REQUIRE(facts.size() == 2);  // each once, though two paths lead to either
  CHECK(facts[0].detail == "docker: /run/docker.sock answers");
  CHECK(facts[1].state == State::kNote);
  CHECK(facts[1].detail == "cri-o: /run/crio/crio.sock: Connection refused");
}

TEST_CASE("doctor: other sensors beside us") {
  const Host host;
  CHECK(doctor::neighbour_facts(host.options).front().state == State::kGood);
  host.file("/proc/77/comm", "falco\n");
  host.file("/proc/78/comm", "falco\n");
  host.file("/proc/9/comm", "wazuh-agentd\n");
  host.file("/proc/10/comm", "bash\n");
  host.file("/proc/sys/comm", "tetragon\n");
  const std::vector<Fact> facts = doctor::neighbour_facts(host.options);
  check_complete(facts);
  REQUIRE(facts.size() == 2);
  CHECK(facts[0].detail == "falco runs");
  CHECK(facts[1].way_out.find("beside-a-wazuh-agent.md") != std::string::npos);
}

TEST_CASE("doctor: what the agent that runs has given up, what it lacks and what it keeps") {
  const auto said = [](const char* seccomp, const char* privileges, const char* dumpable, const char* capabilities) {
    return std::string(R"({"version":"1","hardening":{"seccomp":)") + seccomp + R"(,"no_new_privs":)" + privileges +
           R"(,"dumpable":)" + dumpable + R"(,"capabilities":[)" + capabilities + "]}}";
  };
  constexpr const char* kWhole =
      R"("chown","dac_override","fowner","fsetid","kill","sys_ptrace","sys_nice","perfmon","bpf")";
  const config::Hardening wanted;
  std::vector<Fact> facts = doctor::hardening_facts_of(said("true", "true", "false", kWhole), wanted);
  check_complete(facts);
  REQUIRE(facts.size() == 3);
  for (const Fact& fact : facts) CHECK_MESSAGE(fact.state == State::kGood, fact.detail);

  facts = doctor::hardening_facts_of(said("false", "false", "true", R"("chown","dac_read_search","sys_admin","bpf")"),
                                     wanted);
  check_complete(facts);
  REQUIRE(facts.size() == 4);
  for (const Fact& fact : facts) CHECK_MESSAGE(fact.state == State::kNote, fact.detail);
  CHECK(facts[0].detail == "not filtered, new privileges possible");
  CHECK(facts[0].way_out.find("log") != std::string::npos);  // it was to be filtered
  CHECK(facts[1].detail == "lacks perfmon, sys_ptrace, dac_override, kill, fowner, fsetid");
  CHECK(facts[1].means.find("kill: end, stop and continue processes of any user") != std::string::npos);
  CHECK(facts[2].detail == "keeps besides what it needs: sys_admin");
  CHECK(facts[3].means.find("keys") != std::string::npos);
  facts = doctor::hardening_facts_of(said("false", "true", "true", kWhole), {false, false});
  CHECK(facts[0].way_out == "hardening.seccomp: true in tiercel.yaml, and restart the agent");

  for (const char* odd : {"", "[]", "{}", R"({"hardening":[]})", R"({"hardening":{"seccomp":true}})",
                          R"({"hardening":{"seccomp":1,"no_new_privs":true,"dumpable":false,"capabilities":[]}})"}) {
    facts = doctor::hardening_facts_of(odd, wanted);
    check_complete(facts);
    REQUIRE(facts.size() == 1);
    CHECK(facts[0].state == State::kNote);
  }
}

TEST_CASE("doctor: what a host lets an agent give up that does not run") {
  Host host;
  CHECK(doctor::hardening_fact_of_host(host.options).detail == "this kernel does not filter system calls");
  host.file("/proc/sys/kernel/seccomp/actions_avail", "kill_process kill_thread trap errno trace log allow\n");
  CHECK(doctor::hardening_fact_of_host(host.options).state == State::kGood);
  host.options.config.hardening = {false, false};
  const Fact off = doctor::hardening_fact_of_host(host.options);
  CHECK(off.state == State::kNote);
  check_complete({off});
}

TEST_CASE("doctor: the manager's ports and the key") {
  Host host;
  host.options.connect_timeout_ms = 1'000;
  CHECK(doctor::manager_facts(host.options).front().state == State::kGood);
  host.options.config.state_dir = host.options.root;
  // Nobody listens on a port that was bound and not listened on.
  const Fd bound(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr address{};
  address.sa_family = AF_INET;
  REQUIRE(::bind(bound.get(), &address, sizeof address) == 0);
  socklen_t size = sizeof address;
  REQUIRE(::getsockname(bound.get(), &address, &size) == 0);
  const auto port = static_cast<uint16_t>(static_cast<unsigned char>(address.sa_data[0]) * 256u +
                                          static_cast<unsigned char>(address.sa_data[1]));
  config::WazuhManager manager;
  manager.host = "127.0.0.1";
  manager.port = manager.enrol_port = port;
  host.options.config.wazuh.managers = {manager};
  std::vector<Fact> facts = doctor::manager_facts(host.options);
  check_complete(facts);
  CHECK(named(facts, "enrolment")->state == State::kGood);  // it asks for a key by itself
  CHECK(named(facts, "manager, events")->state == State::kNote);
  CHECK(named(facts, "manager, enrolment")->state == State::kNote);
  host.options.config.wazuh.enrol = false;
  REQUIRE(::listen(bound.get(), 4) == 0);
  facts = doctor::manager_facts(host.options);
  CHECK(named(facts, "enrolment")->state == State::kMissing);
  CHECK(named(facts, "manager, events")->state == State::kGood);
  CHECK(named(facts, "manager, enrolment") == nullptr);
  host.file("/client.keys", "001 web any " + std::string(64, 'a') + "\n");
  facts = doctor::manager_facts(host.options);
  CHECK(named(facts, "enrolment")->detail.starts_with("agent 001 (web)"));
}

TEST_CASE("doctor: the disk") {
  Host host;
  host.options.config.state_dir = "/var/lib/tiercel";
  host.options.config.spool.size_mb_max = 1;
  Fact fact = doctor::disk_fact(host.options);
  CHECK(fact.state == State::kGood);
  CHECK(fact.detail.find("made at the start") != std::string::npos);
  host.options.config.spool.size_mb_max = 4'000'000'000u;
  fact = doctor::disk_fact(host.options);
  CHECK(fact.state == State::kNote);
  check_complete({fact});
}
