// One agent's life with a spool on a disk, for tests.
#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "siem/spool.h"
#include "siem_support.h"

namespace tiercel::siem::test {

using alert::Lane;
using alert::Priority;
using Ids = std::vector<std::string>;

// A manager that keeps its place, and a screen that does not.
struct Life {
  explicit Life(const std::string& folder, SpoolOptions options = {}) {
    options.folder = folder;
    options.commit_ms = 1;
    spool = make_spool(options, metrics, clock, reports);
    manager = spool->add_reader({.name = "manager", .keeps_place = true});
    screen = spool->add_reader({.name = "screen", .parts = kTextLine});
    opened = spool->open();
  }
  void append(Priority priority, const std::string& id, const std::string& rule = "R") {
    auto made = std::make_shared<alert::Alert>(*make_alert(priority, id, rule));
    made->time_ns = clock.realtime_ns();
    spool->append(std::move(made));
  }
  void append_many(int count, Priority priority, const std::string& prefix, size_t bytes = 0) {
    for (int i = 0; i < count; ++i) {
      auto made = std::make_shared<alert::Alert>(*make_alert(priority, prefix + std::to_string(i), "many " + prefix));
      made->time_ns = clock.realtime_ns();
      made->event_json += std::string(bytes, ' ');
      spool->append(std::move(made));
    }
  }
  Ids left(Lane lane = Lane::kRest) {
    Ids all;
    uint64_t after = 0;
    for (;;) {
      const auto rows = spool->read(manager, lane, after, 100);
      if (rows.empty()) return all;
      for (const Row& row : rows) all.push_back(row.alert->id);
      after = rows.back().seq;
    }
  }
  bool committed(uint64_t at_least) {
    return until([&] { return metrics.sum("tiercel_spool_commits_total") >= at_least; });
  }
  template <class Condition>
  static bool until(Condition condition) {
    for (int waited_ms = 0; waited_ms < kGenerousMs; waited_ms += 2) {
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return false;
  }
  // Waits for a report of the spool's own with that state.
  bool told(const std::string& rule, const std::string& text) {
    return until([&] {
      for (alert::Report& report : reports.take()) all_reports.push_back(std::move(report));
      for (const alert::Report& report : all_reports) {
        std::string fields;
        for (const auto& [key, value] : report.fields) {
          fields += key + "=";
          alert::append_json(fields, value);
          fields += " ";
        }
        if (report.rule == rule && (fields + report.message).find(text) != std::string::npos) return true;
      }
      return false;
    });
  }

  SystemClock clock;
  Metrics metrics;
  alert::Reports reports{metrics};
  std::vector<alert::Report> all_reports;
  std::unique_ptr<Spool> spool;
  Spool::ReaderId manager = 0, screen = 0;
  Result<> opened;
};

inline Ids numbered(const std::string& prefix, int from, int to) {
  Ids out;
  for (int i = from; i < to; ++i) out.push_back(prefix + std::to_string(i));
  return out;
}

inline void overwrite(const std::string& path, long at, size_t size) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(at);
  file << std::string(size, '\x5a');
}

}  // namespace tiercel::siem::test
