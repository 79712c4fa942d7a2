// The published evasions of sensors like this one: which are closed on a host and which are open, and why. One table
// for `tiercel doctor`, for docs/reference/evasions.md and for the test that performs each of them
// (tests/kernel/evasions).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/doctor/doctor.h"
#include "agent/sensor/way.h"

namespace tiercel::doctor {

using sensor::Way;

// What decides about evasions on a host.
struct Surroundings {
  Way way = Way::kTracepoint;
  bool bpf_lsm = false;       // active, not only built in
  bool guarded = false;       // and used: hardening.guard
  bool calls_32bit = false;   // the kernel takes 32-bit system calls
  bool compat_calls = false;  // the sensor sees those
  bool uring_allowed = true;  // programs may make rings
  bool uring_seen = false;    // the sensor sees what goes through them
  bool all_rules = false;     // rule_matching: all
};

// Empty: closed.
struct Gap {
  std::string_view why, way_out;
};

// One way to do it. Tests know it by its evasion's number and its key.
struct Deed {
  std::string_view key;
  std::string_view closed_by;                      // "": never
  Gap (*gap)(const Surroundings& host) = nullptr;  // nullptr: closed everywhere
};

struct Evasion {
  int id;  // 1 to 20
  std::string_view name;
  std::span<const Deed> deeds;
};
[[nodiscard]] std::span<const Evasion> all_evasions();
[[nodiscard]] Gap gap_of(const Deed& deed, const Surroundings& host);

// Looks at this host: reads files and tries one 32-bit call in a child of its own. Changes nothing.
[[nodiscard]] Surroundings surroundings(const Options& options);
// One row for each evasion.
[[nodiscard]] std::vector<Fact> evasion_facts(const Surroundings& host);

}  // namespace tiercel::doctor
