#include "agent/alert/report.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "agent/base/log.h"

namespace tiercel::alert {
namespace {

constexpr size_t kWaitingMax = 10'000;

}  // namespace

Reports::Reports(Metrics& metrics)
    : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      lost_(metrics.counter("tiercel_reports_lost_total", "The agent's own reports that found their box full")) {}

void Reports::put(Report report) {
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() < kWaitingMax) {
      waiting_.push_back(std::move(report));
      const uint64_t one = 1;
      [[maybe_unused]] const ssize_t written = ::write(fd_.get(), &one, sizeof one);
      return;
    }
  }
  lost_.add();
  log::error("a report of the agent's own found no room: {}: {}", report.rule, report.message);
}

std::vector<Report> Reports::take() {
  const std::lock_guard lock(mutex_);
  uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = ::read(fd_.get(), &count, sizeof count);
  return std::exchange(waiting_, {});
}

}  // namespace tiercel::alert
