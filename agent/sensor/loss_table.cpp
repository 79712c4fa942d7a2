#include "agent/sensor/loss_table.h"

#include <bpf/bpf.h>

#include <cerrno>
#include <map>
#include <utility>

#include "bpf/schema/budget.h"

namespace tiercel::sensor {
namespace {

struct LostKey {  // struct lost_key of bpf/include/maps.h
  uint64_t cgroup_id, type;
};

}  // namespace

Result<> prepare_loss_rows(int map) {
  const uint64_t none = 0;
  for (uint64_t type = 1; type < EVT_COUNT; ++type) {
    for (const uint64_t kind : {uint64_t{0}, uint64_t{LOST_HELD_BACK}}) {
      const LostKey key{0, type | kind};
      if (bpf_map_update_elem(map, &key, &none, BPF_NOEXIST) != 0)
        return fail_errno("cannot fill the table of losses", errno);
    }
  }
  return {};
}

std::vector<CgroupLoss> read_cgroup_losses(int map) {
  std::map<std::pair<uint64_t, uint16_t>, CgroupLoss> rows;
  LostKey key{}, next{};
  for (bool first = true; bpf_map_get_next_key(map, first ? nullptr : &key, &next) == 0; first = false) {
    key = next;
    uint64_t lost = 0;
    if (bpf_map_lookup_elem(map, &key, &lost) != 0 || lost == 0) continue;
    const auto type = static_cast<uint16_t>(key.type);
    CgroupLoss& row = rows[{key.cgroup_id, type}];
    row.cgroup_id = key.cgroup_id;
    row.type = type;
    row.lost += lost;
    if (key.type & LOST_HELD_BACK) row.held_back += lost;
  }
  std::vector<CgroupLoss> out;
  for (const auto& [name, row] : rows) out.push_back(row);
  return out;
}

}  // namespace tiercel::sensor
