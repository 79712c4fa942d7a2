#include <doctest/doctest.h>

#include "agent/losses.h"

using namespace tiercel;

namespace {
constexpr uint64_t kSecond = 1'000'000'000;
}

TEST_CASE("the first loss of a vital class is told at once, and is critical") {
  Metrics metrics;
  LossWatch watch(metrics);
  sensor::KernelCounts counts(EVT_COUNT);
  CHECK_FALSE(watch.update(counts, 1 * kSecond).has_value());
  counts[EVT_openat].lost_ring = 7;
  auto report = watch.update(counts, 2 * kSecond);
  REQUIRE(report.has_value());
  CHECK(report->lost == 7);
  CHECK(report->priority == alert::Priority::kWarning);
  counts[EVT_execve].lost_scratch = 1;
  report = watch.update(counts, 3 * kSecond);
  REQUIRE(report.has_value());
  CHECK(report->priority == alert::Priority::kCritical);
  CHECK(report->by_type == "execve=1");
}

TEST_CASE("later losses are summed over ten seconds and none is forgotten") {
  Metrics metrics;
  LossWatch watch(metrics);
  sensor::KernelCounts counts(EVT_COUNT);
  counts[EVT_openat].lost_ring = 1;
  CHECK(watch.update(counts, 1 * kSecond)->lost == 1);
  counts[EVT_openat].lost_ring = 5;
  CHECK_FALSE(watch.update(counts, 2 * kSecond).has_value());
  counts[EVT_openat].lost_ring = 9;
  CHECK_FALSE(watch.update(counts, 3 * kSecond, 250'000'000).has_value());
  const auto late = watch.update(counts, 12 * kSecond, 90'000'000);
  REQUIRE(late.has_value());
  CHECK(late->lost == 8);
  CHECK(late->reader_lag_ms == 250);
  CHECK(watch.lost() == 9);
  CHECK(metrics.sum("tiercel_kernel_events_lost_total") == 9);
}

TEST_CASE(
    "programs that the kernel did not run are losses of a vital class, told once and looked at every ten seconds") {
  Metrics metrics;
  uint64_t missed = 0;
  size_t looks = 0;
  LossWatch watch(metrics, [&] { return ++looks, missed; });
  sensor::KernelCounts counts(EVT_COUNT);
  CHECK_FALSE(watch.update(counts, 1 * kSecond).has_value());
  missed = 3;
  CHECK_FALSE(watch.update(counts, 2 * kSecond).has_value());
  CHECK(looks == 1);
  const auto report = watch.update(counts, 11 * kSecond);
  REQUIRE(report.has_value());
  CHECK(report->lost == 3);
  CHECK(report->priority == alert::Priority::kCritical);
  CHECK(report->by_type == "missed=3");
  CHECK(watch.take_vital_loss());
  CHECK(watch.lost() == 3);
  CHECK(metrics.sum("tiercel_kernel_missed_runs_total") == 3);
  CHECK_FALSE(watch.update(counts, 30 * kSecond).has_value());
  CHECK_FALSE(watch.take_vital_loss());
}
