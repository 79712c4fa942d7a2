// The text in which Prometheus reads metrics, version 0.0.4
// (prometheus.io/docs/instrumenting/exposition_formats). Pure; any thread.
//
// Our own writer: the format is three kinds of lines, and Debian's prometheus-cpp-core comes as a shared library alone,
// which other distributions do not have.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/base/metrics.h"

namespace tiercel::health {

inline constexpr const char* kExpositionType = "text/plain; version=0.0.4; charset=utf-8";

struct Sample {
  Labels labels = {};
  double value = 0;
  uint64_t count = 0;  // used instead of value where whole is true: a double is exact up to 2^53 only
  bool whole = true;
};

struct Family {
  std::string name;
  std::string help;
  bool counter = true;  // or a gauge
  std::vector<Sample> samples;
};

// Families with the same name are one; a family without samples is left out. Bytes of labels that are no UTF-8 become
// U+FFFD, since one such label would cost the whole page.
[[nodiscard]] std::string write_exposition(const std::vector<Family>& families);

// What the registry counts, losses first.
[[nodiscard]] std::vector<Family> families_of(const Metrics& metrics);

// As Prometheus' rules for names have it: what ends in _total grows.
[[nodiscard]] bool names_a_counter(const std::string& name);
[[nodiscard]] bool names_a_loss(const std::string& name);

}  // namespace tiercel::health
