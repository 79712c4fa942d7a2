#include <algorithm>

#include "agent/container/lookup.h"
#include "agent/container/machine.h"

namespace tiercel::container {
namespace {

// liblxc appends "-1" and so on where a cgroup of that name is left over.
std::string without_counter(const std::string& name) {
  const size_t dash = name.rfind('-');
  if (dash == std::string::npos || dash == 0 || dash + 1 == name.size()) return {};
  return name.find_first_not_of("0123456789", dash + 1) == std::string::npos ? name.substr(0, dash) : std::string();
}

// Directly in a slice: there only the system's manager makes cgroups.
bool is_units(const std::string& cgroup, const std::string& unit) {
  const std::string tail = "/" + unit;
  if (unit.empty() || !cgroup.ends_with(tail)) return false;
  return cgroup.substr(0, cgroup.size() - tail.size()).ends_with(".slice") &&
         cgroup.find("/user@") == std::string::npos;
}

// What machined calls the machine of a unit.
std::string machine_name(const Claim& claim) {
  std::string_view name = claim.unit;
  if (!name.starts_with("machine-") || !name.ends_with(".scope")) return claim.full_id;
  name.remove_prefix(std::string_view("machine-").size());
  name.remove_suffix(std::string_view(".scope").size());
  return unescaped_unit(name);
}

}  // namespace

Look Lookup::lxc(const Claim& claim) const {
  Look look{Verdict::kNone, container_of(claim)};
  Container& c = look.container;
  const std::string counted = without_counter(claim.full_id);
  for (const std::string& name : {claim.full_id, counted}) {
    if (name.empty()) continue;
    std::vector<std::string> records;
    if (!places_.lxc.empty()) records.push_back(places_.lxc + "/" + name + "/config");
    const size_t plain = records.size();
    for (const std::string& root : places_.lxd) records.push_back(root + "/" + name + "/lxc.conf");
    for (size_t i = 0; i < records.size(); ++i) {
      const auto text = read(records[i], kMachineSizeMax);
      if (!text || !read_lxc_config(c, *text)) continue;
      c.name = name;
      // LXD and Incus put their project before the name, which has no '_' itself.
      if (const size_t bar = name.rfind('_'); i >= plain && bar != std::string::npos) c.name = name.substr(bar + 1);
      map_ids(c);
      const auto paths = lxc_cgroups(*text, claim.full_id);
      look.verdict = verdict_of(std::find(paths.begin(), paths.end(), claim.path) != paths.end(), {records[i]});
      return look;
    }
  }
  return {};
}

Look Lookup::machine(const Claim& claim) const {
  const std::string name = machine_name(claim);
  if (places_.machines.empty() || name.find('/') != std::string::npos || name.starts_with('.')) return {};
  const std::string path = places_.machines + "/" + name;
  const auto text = read(path, kMachineSizeMax);
  if (!text) return {};
  Look look{Verdict::kNone, container_of(claim)};
  Container& c = look.container;
  std::string unit;
  c.name = claim.full_id;
  if (!read_machine(c, *text, unit)) return {Verdict::kNotContainer, {}};
  look.verdict = verdict_of(is_units(claim.path, unit), {path});
  return look;
}

}  // namespace tiercel::container
