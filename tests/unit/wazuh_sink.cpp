// The sink against the dev-manager over loopback: enrolment, delivery, restarts, and what a manager may ask for.
#include "siem/wazuh/sink.h"

#include <doctest/doctest.h>
#include <rapidjson/document.h>

#include <algorithm>
#include <mutex>

#include "agent/base/fd.h"
#include "siem/wazuh/event_text.h"
#include "siem/wazuh/message.h"
#include "wazuh_bench.h"
#include "wazuh_support.h"

using namespace tiercel;
using namespace tiercel::wazuh;
using namespace tiercel::wazuh::test;
using alert::Priority;

TEST_CASE("wazuh sink: enrols, and every alert arrives once, byte for byte") {
  Bench bench;
  bench.manager_options.password = "let me in";
  bench.manager_options.groups = {"default", "web"};
  bench.sink_options.password = "let me in";
  bench.sink_options.groups = {"web"};
  bench.start_manager();
  bench.sink_options.ca_file = bench.manager->certificate_file();
  bench.start_sink();
  bench.append(300, Priority::kCritical);
  bench.append(700, Priority::kNotice);
  CHECK(bench.all_arrived());
  CHECK(bench.all_confirmed());
  for (const auto& [id, times] : bench.inbox.times()) CHECK(times == 1);
  bench.check_texts();

  const WazuhStatus status = bench.sink->status();
  CHECK(status.connected);
  CHECK(status.agent_id == "001");
  CHECK(status.agent_name == "test-agent");
  CHECK(status.sent == 1'000);
  CHECK(status.resent == 0);
  CHECK(status.unconfirmed == 0);
  CHECK(status.last_ack_ns > 0);
  CHECK(status.last_error.empty());
  CHECK(bench.metrics.sum("tiercel_wazuh_sent_total") == 1'000);
  CHECK(bench.metrics.sum("tiercel_wazuh_confirmed_total") == 1'000);
  CHECK(bench.metrics.sum("tiercel_wazuh_bad_frames_total") == 0);

  bench.sink->stop(10'000);
  CHECK(eventually([&bench] { return bench.manager->counts().shutdowns == 1; }));
  CHECK(bench.inbox.others() == std::vector<std::string>{"wazuh-agent|ossec: Agent started: 'test-agent->any'."});

  // The next start has its key.
  bench.sink.reset();
  bench.start_sink();
  CHECK(eventually([&bench] { return bench.sink->status().connected; }));
  CHECK(bench.manager->counts().enrolled == 1);
}

TEST_CASE("wazuh sink: critical alerts go before the rest") {
  Bench bench;
  bench.manager_options.workers = 1;
  bench.append(500, Priority::kNotice);
  bench.start_manager();
  bench.start_sink();  // registers the reader: only what comes now is its own
  CHECK(eventually([&bench] { return bench.sink->status().connected; }));
  bench.alerts.clear();
  bench.sink->stop(1'000);
  bench.sink.reset();

  const auto spool = siem::test::make_memory_spool({}, bench.metrics);
  WazuhSink sink(*spool, bench.sink_options, {}, bench.metrics, bench.clock);
  for (uint64_t i = 1; i <= 200; ++i) spool->append(make_alert(i, Priority::kNotice));
  for (uint64_t i = 201; i <= 300; ++i) spool->append(make_alert(i, Priority::kEmergency));
  REQUIRE(sink.start().has_value());
  CHECK(eventually([&bench] { return bench.inbox.alerts() == 300; }));
  const std::vector<std::string> order = bench.inbox.order();
  for (size_t i = 0; i < 100; ++i) CHECK(order[i] == "alert-" + std::to_string(201 + i));
  for (size_t i = 100; i < 300; ++i) CHECK(order[i] == "alert-" + std::to_string(i - 99));
  sink.stop(10'000);
}

TEST_CASE("wazuh sink: alerts less severe than asked for are passed by") {
  Bench bench;
  bench.sink_options.least_priority = Priority::kWarning;
  bench.start_manager();
  bench.start_sink();
  for (uint64_t i = 1; i <= 60; ++i)
    bench.spool->append(make_alert(i, i % 3 == 0 ? Priority::kError : Priority::kDebug));
  // The spool hears of a confirmation a moment before the status tells it.
  CHECK(eventually([&bench] { return bench.spool->counts().waiting == 0 && bench.sink->status().confirmed == 20; }));
  CHECK(bench.inbox.alerts() == 20);
}

TEST_CASE("wazuh sink: a manager killed and back, workers that stall: nothing lost, repeats known by their id") {
  Bench bench;
  bench.manager_options.stall_ms_max = 20;
  bench.manager_options.stall_percent = 20;
  bench.manager_options.seed = 42;
  bench.start_manager();
  bench.start_sink();
  CHECK(eventually([&bench] { return bench.sink->status().connected; }));
  uint64_t gone = 0;
  for (int round = 0; round < 4; ++round) {
    const size_t before = bench.inbox.alerts();
    bench.append(400);
    // In the midst of it.
    CHECK(eventually([&] { return bench.inbox.alerts() > before + 20; }));
    bench.manager->kill();
    gone += bench.manager->counts().gone;
    bench.manager.reset();
    bench.append(50);
    bench.start_manager();
  }
  CHECK(bench.all_arrived());
  CHECK(bench.all_confirmed());
  bench.check_texts();
  CHECK(gone > 0);
  const WazuhStatus status = bench.sink->status();
  CHECK(status.resent > 0);
  CHECK(status.sent == bench.alerts.size() + status.resent);
  CHECK(status.reconnects >= 4);
}

TEST_CASE("wazuh sink: what a manager may ask for") {
  Bench bench;
  std::mutex mutex;
  std::vector<std::string> responses;
  std::vector<SharedFile> files;
  bench.callbacks.active_response = [&](const ActiveResponse& response) {
    std::lock_guard lock(mutex);
    responses.push_back(response.json);
  };
  bench.callbacks.shared_file = [&](const SharedFile& file) {
    std::lock_guard lock(mutex);
    files.push_back(file);
  };
  bench.start_manager();
  bench.start_sink();
  CHECK(eventually([&bench] { return bench.manager->connected_agents() == std::vector<std::string>{"001"}; }));
  CHECK_FALSE(bench.manager->send_active_response("002", "{}"));

  const std::string json = R"({"version":1,"command":"kill","parameters":{"alert":{"data":{"srcip":"10.3.3.3"}}}})";
  CHECK(bench.manager->send_active_response("001", json));
  CHECK(eventually([&] {
    std::lock_guard lock(mutex);
    return responses == std::vector<std::string>{json};
  }));

  const std::string merged = make_merged_file("default", "x - y - 0\n", {{"tiercel.yaml", std::string(200'000, 'z')}});
  bench.manager->push_shared(merged);
  CHECK(eventually([&] {
    std::lock_guard lock(mutex);
    return files.size() == 1 && files[0].content == merged;
  }));
  // The next keep-alive says that we have it: it is not pushed again, but where a keep-alive and the push crossed.
  auto after_keepalives = [&] {
    const uint64_t keepalives = bench.manager->counts().keepalives;
    CHECK(eventually([&] { return bench.manager->counts().keepalives > keepalives + 2; }));
    std::lock_guard lock(mutex);
    return files.size();
  };
  const size_t pushed = after_keepalives();
  CHECK(pushed <= 2);
  CHECK(after_keepalives() == pushed);

  CHECK(bench.manager->request("001", "1a2b", "agent getstate"));
  CHECK(bench.manager->request("001", "1a2c", "com restart"));
  CHECK(eventually([&bench] { return bench.manager->responses().size() == 2; }));
  for (const std::string& response : bench.manager->responses())
    CHECK((response.starts_with("1a2b {\"error\":0") || response.starts_with("1a2c err This agent")));

  CHECK(bench.manager->force_reconnect());
  CHECK(eventually([&bench] { return bench.manager->counts().startups == 2 && bench.sink->status().connected; }));
  bench.append(10);
  CHECK(bench.all_arrived());
  CHECK(bench.inbox.others().size() == 1);  // no second "Agent started"
  CHECK(bench.manager->send_message("001", "#!-something new {}"));
  CHECK(eventually([&bench] { return bench.metrics.sum("tiercel_wazuh_unknown_messages_total") == 1; }));
  CHECK(bench.sink->status().connected);
}

TEST_CASE("wazuh sink: pongs inside half-sent frames are found") {
  Bench bench;
  bench.manager_options.split_frames = true;
  bench.start_manager();
  bench.sink_options.delivery.ping_interval_ms = 1;
  bench.start_sink();
  CHECK(eventually([&bench] { return bench.manager->connected_agents().size() == 1; }));
  // Messages from the manager all the time, alerts all the time, until some pongs have met half a frame.
  const auto cut = [&bench] { return bench.metrics.sum("tiercel_wazuh_pongs_cut_total"); };
  CHECK(eventually([&] {
    bench.append(3);
    for (int i = 0; i < 20; ++i) bench.manager->send_message("001", "#!-something new " + std::string(200, 'x'));
    return cut() >= 5;
  }));
  CHECK(bench.all_confirmed());
  CHECK(bench.metrics.sum("tiercel_wazuh_bad_frames_total") == 0);
  CHECK(bench.sink->status().reconnects == 0);
  for (const auto& [id, times] : bench.inbox.times()) CHECK(times == 1);
}

TEST_CASE("wazuh sink: a manager that lost its keys is enrolled with again") {
  Bench bench;
  bench.start_manager();
  bench.start_sink();
  bench.append(10);
  CHECK(bench.all_confirmed());
  bench.manager->kill();
  bench.manager.reset();
  REQUIRE(write_file_atomically(bench.folder / "manager/client.keys", "007 somebody any 00ff\n", 0640).has_value());
  bench.start_manager();
  bench.append(10);
  CHECK(bench.all_confirmed());
  CHECK(bench.sink->status().agent_id == "008");
  CHECK((**read_agent_key(bench.sink_options.keys_file)).id == "008");
}

TEST_CASE("wazuh sink: refusals are told with the manager's words, and it goes on trying") {
  Bench bench;
  bench.manager_options.password = "right";
  bench.sink_options.password = "wrong-secret";
  bench.start_manager();
  bench.start_sink();
  CHECK(eventually([&bench] { return bench.manager->counts().enrol_refused >= 2; }));
  const std::string text = bench.sink->status().last_error;
  CHECK(text.find("Invalid password") != std::string::npos);
  CHECK(text.find("wrong-secret") == std::string::npos);
  CHECK_FALSE(bench.sink->status().connected);
  bench.sink->stop(0);
}

TEST_CASE("wazuh sink: the next manager takes over") {
  Bench bench;
  bench.start_manager();
  bench.sink_options.managers = {{"127.0.0.1", 1, 1},
                                 {"127.0.0.1", bench.manager->port(), bench.manager->enrol_port()}};
  bench.start_sink();
  bench.append(5);
  CHECK(bench.all_confirmed());
  CHECK(bench.sink->status().manager == "127.0.0.1:" + std::to_string(bench.manager->port()));
}

TEST_CASE("wazuh sink: what the user has to put right stops the start") {
  Bench bench;
  const auto error_of = [&bench] {
    WazuhSink sink(*bench.spool, bench.sink_options, {}, bench.metrics, bench.clock);
    const auto started = sink.start();
    return started ? std::string() : started.error().message;
  };
  CHECK(error_of().find("no manager") != std::string::npos);
  bench.sink_options.managers = {{"127.0.0.1", 1, 1}};
  bench.sink_options.enrol_if_needed = false;
  CHECK(error_of().find(bench.sink_options.keys_file) != std::string::npos);
  REQUIRE(write_file_atomically(bench.sink_options.keys_file, "rubbish\n", 0640).has_value());
  CHECK(error_of().find("ID NAME IP KEY") != std::string::npos);
  bench.sink_options.keys_file = bench.folder / "none";
  bench.sink_options.enrol_if_needed = true;
  bench.sink_options.agent_name = "no name";
  CHECK(error_of().find("no name") != std::string::npos);
}

TEST_CASE("wazuh sink: stop ends in its time, whatever the manager does") {
  Bench bench;
  SUBCASE("nobody there") {
    bench.sink_options.managers = {{"127.0.0.1", 1, 1}};
    REQUIRE(write_key_file(bench.sink_options.keys_file, {some_key()}).has_value());
  }
  SUBCASE("a manager that never answers pings") {
    bench.manager_options.answer_pings = false;
    bench.start_manager();
  }
  bench.start_sink();
  bench.append(10);
  if (bench.manager) CHECK(bench.all_arrived());
  const auto before = std::chrono::steady_clock::now();
  bench.sink->stop(200);
  CHECK(std::chrono::steady_clock::now() - before < std::chrono::seconds(10));
  CHECK(bench.sink->status().confirmed == 0);
  CHECK(bench.spool->counts().waiting == 10);
  if (bench.manager) CHECK(bench.sink->status().unconfirmed == 10);
}

TEST_CASE("wazuh sink: an event beyond a message is cut, marked and counted") {
  auto big = std::make_shared<alert::Alert>(*make_alert(1, Priority::kCritical));
  bool cut = true;
  CHECK(event_text(*big, cut) == "1:tiercel:tiercel: " + big->event_json);
  CHECK_FALSE(cut);
  big->event_json = R"({"tiercel":{"id":"alert-1","output":")" + std::string(70'000, 'x') + R"("}})";
  const std::string text = event_text(*big, cut);
  CHECK(cut);
  CHECK(text.size() <= kMessageBytesMax);
  const std::string_view prefix = "1:tiercel:tiercel: ";
  REQUIRE(text.starts_with(prefix));
  rapidjson::Document document;
  document.Parse(text.c_str() + prefix.size());
  REQUIRE_FALSE(document.HasParseError());
  CHECK(document["tiercel"]["id"] == "alert-1");
  CHECK(document["tiercel"]["priority"] == "Critical");
  CHECK(document["tiercel"]["truncated"].Size() == 1);

  Bench bench;
  bench.start_manager();
  bench.start_sink();
  bench.alerts.push_back(big);
  bench.spool->append(big);
  CHECK(bench.all_confirmed());
  CHECK(bench.inbox.alerts() == 1);
  CHECK(bench.metrics.sum("tiercel_wazuh_cut_total") == 1);
}
