// FloodWatch: tells when a cgroup begins to be held back because it floods, and when that is over ("Tiercel internal:
// flood"). What is held back is counted by the kernel (bpf/include/budget.h); this only looks at the sums.
// Deciding thread; active() from any.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/alert/report.h"
#include "agent/losses.h"

namespace tiercel {

inline constexpr std::string_view kFloodRule = "Tiercel internal: flood";

class FloodWatch {
 public:
  static constexpr uint64_t kQuietNs = 10'000'000'000;  // without anything held back: the flood is over
  // Who makes cgroups by the thousand to flood from shall not flood the manager with reports: more share one.
  static constexpr size_t kNamedMax = 16;

  // Each second: what was lost since the start, by cgroup and event. Reports of floods that began or ended.
  std::vector<alert::Report> update(const std::vector<CgroupLossRow>& rows, uint64_t now_ns);

  [[nodiscard]] size_t active() const { return active_; }  // cgroups that are held back now

 private:
  struct Flood {
    std::string container;  // as in CgroupLossRow; of many, ""
    uint64_t begun_ns = 0, grew_ns = 0;
    uint64_t held = 0;  // since it began
    uint64_t per_s_max = 0;
  };
  struct Growth {
    uint64_t held = 0;  // since the last look
    std::string container;
    std::map<std::string, uint64_t> by_type;
    [[nodiscard]] std::string types() const;  // "connect=3 openat=120"
  };
  [[nodiscard]] std::map<uint64_t, Growth> growth(const std::vector<CgroupLossRow>& rows);
  [[nodiscard]] static alert::Report begins(uint64_t cgroup_id, const Flood& flood, const Growth& growth);
  [[nodiscard]] static alert::Report ends(uint64_t cgroup_id, const Flood& flood);

  std::map<uint64_t, Flood> floods_;  // that go on, by cgroup; 0: those beyond kNamedMax, and beyond the kernel's table
  std::map<std::pair<uint64_t, std::string>, uint64_t>
      held_;  // by cgroup and event, as of the last look: kernel's rows
  uint64_t last_ns_ = 0;
  std::atomic<size_t> active_{0};
};

}  // namespace tiercel
