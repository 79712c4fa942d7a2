// Report: what the agent has to say about itself (a loss, a gap, a refused file, what a response did), and Reports: the
// box in which it waits until the deciding thread makes an alert of it. Only that thread makes alerts, so whoever else
// has something to tell puts it here.
//
// Threads: put() from any, without waiting; take() and fd() from the deciding thread. The box is bounded: a report that
// finds it full is counted (tiercel_reports_lost_total) and logged.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/alert/json.h"
#include "agent/base/fd.h"
#include "agent/base/metrics.h"
#include "agent/base/priority.h"

namespace tiercel::alert {

inline constexpr std::string_view kInternalSource = "internal";  // of an alert that is such a report

struct Report {
  Priority priority = Priority::kWarning;
  std::string rule;  // "Tiercel internal: ..."
  std::string message;
  std::vector<std::pair<std::string, JsonValue>> fields;
  uint64_t time_ns = 0;  // since the epoch; 0: when the alert is made
  bool routine = false;  // alert.h
  std::vector<std::string> tags = {};
};

class Reports {
 public:
  explicit Reports(Metrics& metrics);
  void put(Report report);
  [[nodiscard]] std::vector<Report> take();           // makes fd() unreadable
  [[nodiscard]] int fd() const { return fd_.get(); }  // readable when there is something; -1 if it could not be made

 private:
  Fd fd_;  // an eventfd
  Counter& lost_;
  std::mutex mutex_;
  std::vector<Report> waiting_;  // under mutex_
};

}  // namespace tiercel::alert
