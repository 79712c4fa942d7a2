// The sink and managers that refuse, are older, read slowly, or have several addresses.
#include <doctest/doctest.h>

#include <atomic>

#include "agent/base/fd.h"
#include "siem/wazuh/enroll.h"
#include "siem/wazuh/message.h"
#include "siem/wazuh/tcp.h"
#include "wazuh_bench.h"

using namespace tiercel;
using namespace tiercel::wazuh;
using namespace tiercel::wazuh::test;

namespace {

void wait_ms(int ms) {
  std::this_thread::sleep_for(std::chrono::milliseconds(ms));
}

}  // namespace

TEST_CASE("wazuh conduct: a manager of another version is told one that it takes, nobody being asked") {
  for (const char* version : {"v4.3.0", "v4.9.0", "v4.14.7"}) {
    Bench bench;
    bench.manager_options.version = version;
    SUBCASE("enrolment first") {}
    SUBCASE("with a key") {
      std::filesystem::create_directory(bench.manager_options.dir);
      for (const std::string& file : {bench.manager_options.dir + "/client.keys", bench.sink_options.keys_file})
        REQUIRE(write_key_file(file, {some_key()}).has_value());
    }
    bench.start_manager();
    bench.start_sink();
    bench.append(20);
    CHECK(bench.all_confirmed());
    // Each step down is one startup or one enrolment, and no more.
    const DevManagerCounts counts = bench.manager->counts();
    CHECK(counts.startups <= 12);
    CHECK(counts.enrol_refused <= 11);
    CHECK(bench.sink->status().last_error.empty());
  }
}

TEST_CASE("wazuh conduct: a pinned version stays, and its refusal is told with the way out") {
  Bench bench;
  bench.manager_options.version = "v4.9.0";
  bench.sink_options.version = "v4.12.0";
  bench.sink_options.version_pinned = true;
  bench.start_manager();
  bench.start_sink();
  CHECK(eventually([&bench] { return !bench.sink->status().last_error.empty(); }));
  CHECK(bench.sink->status().last_error.find("wazuh.version") != std::string::npos);
  CHECK_FALSE(bench.sink->status().connected);
}

TEST_CASE("wazuh conduct: a manager that never takes the key is not stormed") {
  Bench bench;
  bench.manager_options.key_update_ms = 1'000'000;  // enrols, and never knows what it gave
  bench.sink_options.enrol_ms_min = 100;
  bench.sink_options.enrol_ms_max = 100'000;
  bench.sink_options.reconnect_ms_min = 20;
  bench.sink_options.reconnect_ms_max = 20;
  bench.start_manager();
  std::filesystem::create_directories(bench.folder.path());
  REQUIRE(write_key_file(bench.sink_options.keys_file, {some_key()}).has_value());  // which it does not know
  bench.start_sink();
  // Five refused connections, then it enrols: a new key. From then on the key is fresh for a minute.
  CHECK(eventually([&bench] { return bench.manager->counts().enrolled == 1; }));
  CHECK(bench.manager->counts().connections >= 5);
  const uint64_t before = bench.manager->counts().connections;
  wait_ms(1'500);
  CHECK(bench.manager->counts().enrolled == 1);
  CHECK(bench.manager->counts().connections - before < 150);  // at 20 ms less a quarter, on a slow or a quick host
  CHECK((**read_agent_key(bench.sink_options.keys_file)).name == "test-agent");
}

TEST_CASE("wazuh conduct: a manager that says the key is good and closes every connection") {
  // The receiver of one manager, the enrolment of another that knows the key.
  Bench bench, other;
  bench.start_manager();
  bench.start_sink();
  bench.append(1);
  CHECK(bench.all_confirmed());
  bench.sink->stop(5'000);
  bench.sink.reset();
  other.start_manager();
  bench.sink_options.managers = {{"127.0.0.1", other.manager->port(), bench.manager->enrol_port()}};
  bench.sink_options.enrol_ms_min = 200;
  bench.start_sink();
  CHECK(eventually([&bench] { return bench.manager->counts().enrol_refused >= 3; }));
  CHECK(bench.manager->counts().enrolled == 1);  // no new key
  const std::string last_error = bench.sink->status().last_error;
  CHECK(last_error.find("does not know this agent's key") != std::string::npos);
  CHECK(other.manager->counts().connections >= 15);  // five refusals before each
}

TEST_CASE("wazuh conduct: a key given by hand and no enrolment: it only waits for the manager to know it") {
  Bench bench;
  bench.sink_options.enrol_if_needed = false;
  REQUIRE(write_key_file(bench.sink_options.keys_file, {some_key()}).has_value());
  bench.start_manager();
  bench.start_sink();
  CHECK(eventually([&bench] { return bench.manager->counts().connections >= 8; }));
  CHECK(bench.manager->counts().enrolled + bench.manager->counts().enrol_refused == 0);
  CHECK((**read_agent_key(bench.sink_options.keys_file)) == some_key());
  bench.manager->kill();
  bench.manager.reset();
  REQUIRE(write_key_file(bench.manager_options.dir + "/client.keys", {some_key()}).has_value());
  bench.start_manager();
  bench.append(3);
  CHECK(bench.all_confirmed());
}

TEST_CASE("wazuh conduct: the operator's rate is kept, critical alerts first, nothing lost") {
  Bench bench;
  bench.sink_options.rate_max_per_s = 400;
  bench.start_manager();
  bench.start_sink();
  CHECK(eventually([&bench] { return bench.sink->status().connected; }));
  const auto before = std::chrono::steady_clock::now();
  bench.append(500, Priority::kNotice);
  bench.append(100, Priority::kCritical);
  CHECK(bench.all_arrived());
  const auto took = std::chrono::steady_clock::now() - before;
  CHECK(took > std::chrono::milliseconds(1'300));  // 600 alerts, a burst of 40 before
  const std::vector<std::string> order = bench.inbox.order();
  size_t last_critical = 0;
  for (size_t i = 0; i < order.size(); ++i)
    if (std::stoul(order[i].substr(6)) > 500) last_critical = i;
  CHECK(last_critical < 300);  // not behind the 500 that came first
  CHECK(bench.all_confirmed());
  for (const auto& [id, times] : bench.inbox.times()) CHECK(times == 1);
}

TEST_CASE("wazuh conduct: a manager that reads slowly is waited for, and nothing is lost or sent twice") {
  Bench bench;
  bench.manager_options.frames_max_per_s = 1'000;
  bench.sink_options.delivery.unconfirmed_max = 100'000;
  bench.start_manager();
  bench.start_sink();
  CHECK(eventually([&bench] { return bench.sink->status().connected; }));
  bench.append(3'000);
  CHECK(bench.all_confirmed());
  CHECK(bench.sink->status().resent == 0);
  CHECK(bench.sink->status().reconnects == 0);
  for (const auto& [id, times] : bench.inbox.times()) CHECK(times == 1);
}

TEST_CASE("wazuh conduct: a name with several addresses, of which some are no manager") {
  Bench bench;
  bench.start_manager();  // on 127.0.0.1, and "localhost" is ::1 too
  bench.sink_options.managers = {{"localhost", bench.manager->port(), bench.manager->enrol_port()}};
  bench.start_sink();
  bench.append(3);
  CHECK(bench.all_confirmed());
}

TEST_CASE("wazuh conduct: over IPv6") {
  Bench bench;
  bench.manager_options.address = "::1";
  bench.start_manager();
  bench.sink_options.managers = {{"::1", bench.manager->port(), bench.manager->enrol_port()}};
  bench.start_sink();
  bench.append(3);
  CHECK(bench.all_confirmed());
  bench.manager_options.tcp = false;
  bench.manager_options.udp = true;
  bench.manager->kill();
  bench.manager.reset();
  bench.end_sink(1'000);
  bench.start_manager();
  bench.sink_options.managers[0].protocol = Protocol::kUdp;
  bench.start_sink();
  bench.append(3);
  CHECK(eventually([&bench] { return bench.sink->status().confirmed >= 3; }));
}

TEST_CASE("wazuh conduct: restart and reload are handed to the owner after the answer") {
  Bench bench;
  std::atomic<int> restarts{0}, reloads{0};
  bench.callbacks.restart = [&restarts] { ++restarts; };
  bench.callbacks.reload = [&reloads] { ++reloads; };
  bench.start_manager();
  bench.start_sink();
  CHECK(eventually([&bench] { return bench.manager->connected_agents().size() == 1; }));
  CHECK(bench.manager->request("001", "1", "com restart"));
  CHECK(eventually([&restarts] { return restarts == 1; }));
  CHECK(bench.manager->request("001", "2", "com reload"));
  CHECK(eventually([&reloads] { return reloads == 1; }));
  CHECK(bench.manager->request("001", "3", "com lock_restart -1"));
  CHECK(bench.manager->request("001", "4", "agent getconfig client"));
  CHECK(eventually([&bench] { return bench.manager->responses().size() == 4; }));
  std::set<std::string> answers;
  for (const std::string& response : bench.manager->responses()) answers.insert(response.substr(0, 9));
  CHECK(answers == std::set<std::string>{"1 ok ", "2 ok ", "3 err Tie", "4 ok {\"cl"});
  CHECK(restarts == 1);
  CHECK(reloads == 1);
}
