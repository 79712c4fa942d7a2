// CpuUsage: what each process uses of CPUs between two looks with the task iterator, as `procinfo` records. Where an
// active rule asks for that event the agent looks once an interval; processes that used less than 5 % of one CPU in it
// are not told of, nor are the kernel's own threads. Deciding thread.
//
// A look at 2,000 processes takes 3.5 ms, 1.5 us a thread (tests/kernel/test_procinfo.py prints it), and after every 32
// KiB, which is 0.3 ms, whatever else came is seen to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "agent/base/metrics.h"
#include "agent/context/process.h"
#include "decoders/record.h"

namespace tiercel::context {

class CpuUsage {
 public:
  struct Limits {
    size_t processes_max = 65'536;   // what is beyond is not told of, and counted
    uint32_t told_from_percent = 5;  // of one CPU
  };
  CpuUsage(Limits limits, Metrics& metrics);

  void set_interval_s(uint32_t interval_s) { interval_ns_ = uint64_t{interval_s} * 1'000'000'000; }
  // Asked every second, with CLOCK_MONOTONIC, which stands still while the host sleeps, as the CPUs do.
  [[nodiscard]] bool due(uint64_t now_ns) const;

  // A look: begin(), take() for each `cpu_time` record, end(). What comes out are procinfo records; after the first
  // look none. A look that is not complete counts for nothing.
  void begin();
  void take(std::span<const std::byte> record);
  [[nodiscard]] std::vector<std::vector<std::byte>> end(uint64_t now_ns, bool complete = true);
  // No rule asks any more: what was known is out of date when one does again.
  void forget();

  [[nodiscard]] size_t size() const { return before_.size(); }

 private:
  struct Used {
    uint64_t run_ns = 0, user_ns = 0, system_ns = 0;
    void raise_to(const Used& other);
  };
  struct Seen {
    Used used;
    ev_head head{};
    bool has_head = false;
  };
  template <class Value>
  using ByProcess = std::unordered_map<ProcessKey, Value, ProcessKeyHash>;

  // Nothing, if it is not worth telling.
  [[nodiscard]] std::vector<std::byte> told(const Seen& seen, const Used& before, uint64_t interval_ns) const;

  Limits limits_;
  Counter& unmeasured_;
  uint64_t interval_ns_ = 0;
  uint64_t looked_at_ns_ = 0;                          // CLOCK_MONOTONIC, the last complete look; 0: none
  uint64_t youngest_ns_ = 0, youngest_before_ns_ = 0;  // the youngest process of this look, and of the one before
  ByProcess<Seen> now_;
  ByProcess<Used> before_;
};

}  // namespace tiercel::context
