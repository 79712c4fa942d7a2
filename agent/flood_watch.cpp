#include "agent/flood_watch.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "agent/base/log.h"

namespace tiercel {
namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;

std::string who(uint64_t cgroup_id, const std::string& container) {
  if (cgroup_id == 0) return "many cgroups";
  if (container.empty() || container == "host") return fmt::format("a cgroup of the host ({})", cgroup_id);
  return fmt::format("the container {} (cgroup {})", container, cgroup_id);
}

}  // namespace

std::string FloodWatch::Growth::types() const {
  std::string text;
  for (const auto& [event, count] : by_type) text += fmt::format("{}{}={}", text.empty() ? "" : " ", event, count);
  return text;
}

std::map<uint64_t, FloodWatch::Growth> FloodWatch::growth(const std::vector<CgroupLossRow>& rows) {
  std::map<uint64_t, Growth> out;
  for (const CgroupLossRow& row : rows) {
    if (row.held_back == 0) continue;
    uint64_t& held = held_[{row.cgroup_id, row.event}];
    const uint64_t more = row.held_back - std::exchange(held, row.held_back);
    if (more == 0) continue;
    size_t named = floods_.size() - floods_.count(0);
    for (const auto& [id, grown] : out) named += id != 0 && !floods_.contains(id) ? 1 : 0;
    const bool own = floods_.contains(row.cgroup_id) || out.contains(row.cgroup_id) || named < kNamedMax;
    Growth& grown = out[own ? row.cgroup_id : 0];
    grown.held += more;
    if (own) grown.container = row.container;
    grown.by_type[row.event] += more;
  }
  return out;
}

std::vector<alert::Report> FloodWatch::update(const std::vector<CgroupLossRow>& rows, uint64_t now_ns) {
  std::vector<alert::Report> reports;
  const uint64_t since_ns = last_ns_ == 0 ? kSecondNs : std::max<uint64_t>(now_ns - last_ns_, 1'000'000);
  last_ns_ = now_ns;
  for (const auto& [id, grown] : growth(rows)) {
    const auto [at, is_new] = floods_.try_emplace(id, Flood{grown.container, now_ns, now_ns, 0, 0});
    Flood& flood = at->second;
    flood.held += grown.held;
    flood.per_s_max = std::max(flood.per_s_max, grown.held * kSecondNs / since_ns);
    flood.grew_ns = now_ns;
    if (is_new) reports.push_back(begins(id, flood, grown));
  }
  for (auto at = floods_.begin(); at != floods_.end();) {
    if (now_ns - at->second.grew_ns < kQuietNs) {
      ++at;
      continue;
    }
    reports.push_back(ends(at->first, at->second));
    at = floods_.erase(at);
  }
  active_ = floods_.size();
  return reports;
}

alert::Report FloodWatch::begins(uint64_t cgroup_id, const Flood& flood, const Growth& growth) {
  const std::string types = growth.types();
  log::warning("a flood from {} fills the ring for files and network: {} events a second are held back ({})",
               who(cgroup_id, flood.container), flood.per_s_max, types);
  return {Priority::kWarning,
          std::string(kFloodRule),
          fmt::format(
              "a flood of events from {}: {} a second are held back so that others' are not lost. What else happens "
              "there may be unseen ({})",
              who(cgroup_id, flood.container), flood.per_s_max, types),
          {{"state", "begins"},
           {"cgroup", std::to_string(cgroup_id)},
           {"container", flood.container},
           {"held_back_per_s", flood.per_s_max},
           {"by_type", types}}};
}

alert::Report FloodWatch::ends(uint64_t cgroup_id, const Flood& flood) {
  const uint64_t lasted_s = (flood.grew_ns - flood.begun_ns) / kSecondNs + 1;
  return {Priority::kNotice,
          std::string(kFloodRule),
          fmt::format("the flood of events from {} is over: {} were held back within {} s, {} a second at most",
                      who(cgroup_id, flood.container), flood.held, lasted_s, flood.per_s_max),
          {{"state", "ends"},
           {"cgroup", std::to_string(cgroup_id)},
           {"container", flood.container},
           {"held_back", flood.held},
           {"lasted_s", lasted_s},
           {"held_back_per_s", flood.per_s_max}}};
}

}  // namespace tiercel
