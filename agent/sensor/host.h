// What this host offers the sensor, for `tiercel doctor`. Any thread; as root it loads the programs once.
#pragma once

#include <string>
#include <vector>

namespace tiercel::sensor {

struct HostFact {
  enum class State { kGood, kDegraded, kMissing };
  State state;
  std::string what;     // "kernel BTF"
  std::string detail;   // what was found
  std::string way_out;  // what to do about it; empty when good
};
[[nodiscard]] std::vector<HostFact> probe_host();

}  // namespace tiercel::sensor
