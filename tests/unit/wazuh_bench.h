// A sink and a dev-manager over loopback, with what arrived.
#pragma once

#include <doctest/doctest.h>
#include <rapidjson/document.h>

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "agent/base/clock.h"
#include "agent/base/metrics.h"
#include "siem/spool.h"
#include "siem/wazuh/manager/dev_manager.h"
#include "siem/wazuh/sink.h"
#include "siem_support.h"
#include "wazuh_support.h"

namespace tiercel::wazuh::test {

using alert::Priority;

// What the manager's analysis got, by id of the alert: how often, and the JSON as it came.
class Inbox {
 public:
  void take(const DevEvent& event) {
    std::lock_guard lock(mutex_);
    const std::string_view json = tiercel_json(event);
    if (json.empty()) {
      others_.push_back(event.location + '|' + event.text);
      return;
    }
    rapidjson::Document document;
    document.Parse(json.data(), json.size());
    const std::string id = document["tiercel"]["id"].GetString();
    ++times_[id];
    texts_[id] = json;
    order_.push_back(id);
  }
  size_t alerts() const {
    std::lock_guard lock(mutex_);
    return times_.size();
  }
  std::map<std::string, int> times() const {
    std::lock_guard lock(mutex_);
    return times_;
  }
  std::string text(const std::string& id) const {
    std::lock_guard lock(mutex_);
    const auto found = texts_.find(id);
    return found == texts_.end() ? std::string() : found->second;
  }
  std::vector<std::string> order() const {
    std::lock_guard lock(mutex_);
    return order_;
  }
  std::vector<std::string> others() const {
    std::lock_guard lock(mutex_);
    return others_;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, int> times_;
  std::map<std::string, std::string> texts_;
  std::vector<std::string> order_;
  std::vector<std::string> others_;
};

struct Bench {
  Bench() {
    manager_options.dir = folder / "manager";
    manager_options.port = 0;
    manager_options.enrol_port = 0;
    manager_options.key_update_ms = 20;
    manager_options.on_event = [this](const DevEvent& event) { inbox.take(event); };
    sink_options.keys_file = folder / "client.keys";
    sink_options.agent_name = "test-agent";
    sink_options.reconnect_ms_min = 10;
    sink_options.reconnect_ms_max = 50;
    sink_options.enrol_ms_min = 10;
    sink_options.enrol_ms_max = 1'000;
    sink_options.delivery.confirm_age_ms = 100;
    sink_options.delivery.ping_interval_ms = 10;
    sink_options.keepalive_ms = 100;
  }
  void start_manager() {
    manager = std::make_unique<DevManager>(manager_options);
    const auto started = manager->start();
    REQUIRE_MESSAGE(started.has_value(), started.error().message);
    // A manager that comes back has the same ports.
    manager_options.port = manager->port();
    manager_options.enrol_port = manager->enrol_port();
  }
  void start_sink() {
    if (sink_options.managers.empty())
      sink_options.managers = {{"127.0.0.1", manager_options.port, manager_options.enrol_port}};
    sink = std::make_unique<WazuhSink>(*spool, sink_options, callbacks, metrics, clock);
    const auto started = sink->start();
    REQUIRE_MESSAGE(started.has_value(), started.error().message);
  }
  // The sink's spool goes with it: it would wake a sink that is gone.
  void end_sink(int timeout_ms) {
    sink->stop(timeout_ms);
    sink.reset();
    spool = siem::test::make_memory_spool({}, metrics);
    alerts.clear();
  }
  void append(uint64_t count, Priority priority = Priority::kWarning) {
    for (uint64_t i = 0; i < count; ++i) {
      alerts.push_back(make_alert(alerts.size() + 1, priority));
      spool->append(alerts.back());
    }
  }
  bool all_arrived() {
    return eventually([this] { return inbox.alerts() == alerts.size(); });
  }
  bool all_confirmed() {
    return eventually([this] { return sink->status().confirmed == alerts.size() && spool->counts().waiting == 0; });
  }
  void check_texts() {
    for (const auto& each : alerts) REQUIRE(inbox.text(each->id) == each->event_json);
  }

  TempFolder folder;
  SystemClock clock;
  Metrics metrics;
  Inbox inbox;
  std::vector<alert::AlertPtr> alerts;
  std::unique_ptr<siem::Spool> spool = siem::test::make_memory_spool({}, metrics);
  DevManagerOptions manager_options;
  WazuhOptions sink_options;
  WazuhCallbacks callbacks;
  std::unique_ptr<DevManager> manager;
  std::unique_ptr<WazuhSink> sink;
};

}  // namespace tiercel::wazuh::test
