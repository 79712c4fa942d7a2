// What this host offers the sensor, for `tiercel doctor`. Any thread; as root it loads the programs once.
#pragma once

#include <string>
#include <vector>

#include "agent/base/result.h"

namespace tiercel::sensor {

struct HostFact {
  enum class State { kGood, kDegraded, kMissing };
  State state;
  std::string what;        // "kernel BTF"
  std::string detail;      // what was found
  std::string way_out;     // what to do about it; empty when good
  std::string means = {};  // what follows from it; likewise
};
// Do the programs load? Only there as root.
inline constexpr const char* kProgramsFact = "sensor's programs";
[[nodiscard]] std::vector<HostFact> probe_host();

// Why the kernel did not take the programs (errno), and the way out: an error in any case.
[[nodiscard]] Result<> explain_load_failure(int code);

}  // namespace tiercel::sensor
