#include <algorithm>
#include <vector>

#include "agent/container/claim.h"

namespace tiercel::container {
namespace {

// Without doubled and trailing slashes.
std::string clean(std::string_view path) {
  std::string out;
  for (size_t at = 0; at < path.size();) {
    const size_t end = std::min(path.find('/', at), path.size());
    if (end > at) out.append("/").append(path.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

bool is_systemd_form(std::string_view path) {
  return !path.starts_with('/') && std::count(path.begin(), path.end(), ':') == 2 &&
         path.find('/', path.find(':')) == std::string_view::npos;
}

// What "slice:prefix:name" may be called below systemd's root (of the host, or of a user).
std::vector<std::string> unit_paths(std::string_view path, bool users) {
  const size_t first = path.find(':');
  const size_t second = path.find(':', first + 1);
  std::string_view slice = path.substr(0, first);
  if (const size_t slash = slice.rfind('/'); slash != std::string_view::npos) slice.remove_prefix(slash + 1);
  const std::string prefix(path.substr(first + 1, second - first - 1));
  const std::string name(path.substr(second + 1));
  if (slice.empty()) slice = users ? "user.slice" : "system.slice";
  const auto folder = expanded_slice(slice);
  if (!folder || name.empty()) return {};
  if (name.ends_with(".slice")) return {*folder + "/" + name};
  std::vector<std::string> paths{*folder + "/" + prefix + "-" + name + ".scope"};
  if (prefix.empty()) paths.push_back(*folder + "/" + name + ".scope");
  return paths;
}

// Where runc and crun put a container that nobody asked a place for.
std::vector<std::string> default_paths(std::string_view full_id, bool users) {
  const std::string id(full_id);
  const std::string slice = users ? "/user.slice" : "/system.slice";
  return {"/" + id, "/crun/" + id, slice + "/runc-" + id + ".scope", slice + "/crun-" + id + ".scope"};
}

// kubelet with systemd's driver, containerd with the cgroupfs one: the text itself is a folder below containerd's
// service.
bool is_literal(std::string_view cgroups_path, std::string_view cgroup) {
  const size_t slash = cgroup.rfind('/');
  if (slash == std::string_view::npos || cgroup.substr(slash + 1) != cgroups_path) return false;
  std::string_view above = cgroup.substr(0, slash);
  if (above.empty()) return true;
  constexpr std::string_view kSystem = "/system.slice/";
  if (!above.starts_with(kSystem) || !above.ends_with(".service")) return false;
  above.remove_prefix(kSystem.size());
  // Its own kind only: other services may have given their folder to somebody.
  for (std::string_view service : {"containerd", "k3s", "k0s", "rke2"})
    if (above.starts_with(service) && above.find('/') == std::string_view::npos) return true;
  return false;
}

}  // namespace

std::optional<std::string> expanded_slice(std::string_view slice) {
  constexpr std::string_view kSuffix = ".slice";
  if (!slice.ends_with(kSuffix) || slice.size() == kSuffix.size() || slice.find('/') != std::string_view::npos)
    return std::nullopt;
  const std::string name(slice.substr(0, slice.size() - kSuffix.size()));
  if (name == "-") return std::string();
  std::string path;
  for (size_t at = 0; at <= name.size();) {
    const size_t end = std::min(name.find('-', at), name.size());
    if (end == at) return std::nullopt;
    path.append("/").append(name, 0, end).append(kSuffix);
    at = end + 1;
  }
  return path;
}

bool names_cgroup(std::string_view cgroups_path, std::string_view cgroup, std::string_view full_id,
                  std::optional<uint32_t> owner) {
  const std::string path = clean(cgroup);
  std::vector<std::string> names;
  if (cgroups_path.empty()) {
    names = default_paths(full_id, owner.has_value());
  } else if (is_systemd_form(cgroups_path)) {
    if (!owner && is_literal(cgroups_path, path)) return true;
    names = unit_paths(cgroups_path, owner.has_value());
  } else {
    names = {clean(cgroups_path)};
  }
  std::string_view rest = path;
  const bool asked_absolute = cgroups_path.starts_with('/');
  if (owner) {
    const std::string uid = std::to_string(*owner);
    const std::string manager = "/user.slice/user-" + uid + ".slice/user@" + uid + ".service";
    // A user's runtime with the cgroupfs driver tells the whole path.
    if (rest.starts_with(manager) && !(asked_absolute && names.front().starts_with(manager)))
      rest.remove_prefix(manager.size());
  }
  return std::any_of(names.begin(), names.end(),
                     [rest](const std::string& name) { return !name.empty() && name == rest; });
}

}  // namespace tiercel::container
