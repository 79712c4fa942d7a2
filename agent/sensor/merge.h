// Merge: one stream out of the two rings. Pure over Ring-like types, so that tests need no kernel. One thread.
//
// The order that matters is cause before effect: a child's first open after the fork that made it. The bulk head is
// looked at first and the vital ring after it, so whatever happened before that open is visible by then; a vital record
// that is still being written holds the bulk ring back. Between rings the kernel's time decides, with a slack that
// covers the moment between reading the clock and entering the ring.
//
// An end is no cause: a process whose parent ended has another parent, so an end that overtakes a child's last call
// would hide who started it. Ends have no slack, and the bulk ring is looked at again after one is seen: whatever came
// before that end is visible by then.
#pragma once

#include <cstddef>
#include <cstring>
#include <span>

#include "bpf/schema/event.h"

namespace tiercel::sensor {

inline constexpr uint64_t kMergeSlackNs = 1'000'000;

[[nodiscard]] inline uint64_t record_time_ns(std::span<const std::byte> bytes) {
  uint64_t time_ns = 0;
  if (bytes.size() >= sizeof time_ns) std::memcpy(&time_ns, bytes.data(), sizeof time_ns);
  return time_ns;
}

[[nodiscard]] inline bool is_an_end(std::span<const std::byte> bytes) {
  __u16 type = 0;
  if (bytes.size() >= sizeof(ev_head)) std::memcpy(&type, bytes.data() + offsetof(ev_head, type), sizeof type);
  return type == EVT_procexit;
}

// Returns how many records were handed over.
template <class RingType, class Handler>
size_t merge(RingType& vital, RingType& bulk, Handler&& handler, size_t most) {
  size_t handled = 0;
  while (handled < most) {
    std::span<const std::byte> bulk_record, vital_record;
    auto bulk_head = bulk.peek(bulk_record);
    const auto vital_head = vital.peek(vital_record);
    if (vital_head == RingType::Head::kBusy) break;
    const bool end = vital_head == RingType::Head::kReady && is_an_end(vital_record);
    if (end && bulk_head != RingType::Head::kReady) bulk_head = bulk.peek(bulk_record);
    const uint64_t slack_ns = end ? 0 : kMergeSlackNs;
    const bool have_bulk = bulk_head == RingType::Head::kReady;
    const bool vital_first = vital_head == RingType::Head::kReady &&
                             (!have_bulk || record_time_ns(vital_record) <= record_time_ns(bulk_record) + slack_ns);
    if (!vital_first && !have_bulk) break;
    RingType& ring = vital_first ? vital : bulk;
    handler(vital_first ? vital_record : bulk_record);
    ring.consume();
    ++handled;
  }
  return handled;
}

}  // namespace tiercel::sensor
