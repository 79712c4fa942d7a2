// config.json of an OCI bundle. Source: opencontainers/runtime-spec config.md, config-linux.md.
#include <string>

#include "agent/container/json_text.h"
#include "agent/container/oci_annotations.h"
#include "agent/container/record.h"
#include "decoders/flags.h"

namespace tiercel::container {
namespace {

constexpr uint64_t kSysAdmin = uint64_t{1} << 21;

std::optional<uint64_t> capabilities_of(const Json& names) {
  if (!names.IsArray()) return std::nullopt;
  uint64_t set = 0;
  for (const Json& item : names.GetArray()) {
    if (!item.IsString()) continue;
    std::string name(item.GetString(), item.GetStringLength());
    if (!name.starts_with("CAP_")) name.insert(0, "CAP_");
    set |= decoders::capability_value(name).value_or(0);
  }
  return set;
}

void read_process(Container& c, const Json& process) {
  const Json& capabilities = member(process, "capabilities");
  c.capabilities = capabilities_of(member(capabilities, "bounding"));
  if (!c.capabilities) c.capabilities = capabilities_of(member(capabilities, "effective"));
  c.entrypoint = words_of(member(process, "args"), c.cut);
  const Json& user = member(process, "user");
  c.user = text_at(user, "username", c.cut);
  const Json& uid = member(user, "uid");
  const Json& gid = member(user, "gid");
  if (c.user.empty() && uid.IsUint())
    c.user = std::to_string(uid.GetUint()) + ":" + std::to_string(gid.IsUint() ? gid.GetUint() : 0);
}

bool is_bind(const Json& mount, bool& cut) {
  const std::string type = text_at(mount, "type", cut);
  if (type == "bind" || type == "rbind") return true;
  if (!type.empty() && type != "none") return false;
  const Json& options = member(mount, "options");
  if (!options.IsArray()) return false;
  for (const Json& option : options.GetArray())
    if (option.IsString() && (option == "bind" || option == "rbind")) return true;
  return false;
}

Mount mount_of(const Json& json, bool& cut) {
  Mount mount;
  mount.source = text_at(json, "source", cut);
  mount.dest = text_at(json, "destination", cut);
  const Json& options = member(json, "options");
  if (!options.IsArray()) return mount;
  for (const Json& item : options.GetArray()) {
    const std::string option = text_of(item, cut);
    if (option.empty()) continue;
    if (mount.mode.size() < kTextSizeMax) mount.mode += (mount.mode.empty() ? "" : ",") + option;
    if (option == "ro") mount.rdwr = false;
    if (option == "rw") mount.rdwr = true;
    for (std::string_view kind : {"private", "shared", "slave", "unbindable"})
      if (option == kind || (option.front() == 'r' && std::string_view(option).substr(1) == kind))
        mount.propagation = option;
  }
  mount.mode = bounded_text(mount.mode, cut);
  return mount;
}

// `source` is where `dest` comes from; is `file` the same or below? Then where that one comes from.
std::string source_below(const Mount& mount, std::string_view file) {
  std::string_view dest = mount.dest;
  while (dest.size() > 1 && dest.ends_with('/')) dest.remove_suffix(1);
  if (!mount.source.starts_with('/')) return {};
  if (dest == file) return mount.source;
  if (dest.size() < 2 || !file.starts_with(dest) || file[dest.size()] != '/') return {};
  return mount.source + std::string(file.substr(dest.size()));
}

void read_mounts(Container& c, const Json& mounts, bool binds_only) {
  if (!mounts.IsArray()) return;
  c.mounts.clear();
  size_t passwd_depth = 0, group_depth = 0;
  for (const Json& json : mounts.GetArray()) {
    const bool bind = is_bind(json, c.cut);
    Mount mount = mount_of(json, c.cut);
    auto cover = [&](std::string& path, size_t& depth, std::string_view file) {
      std::string source = bind ? source_below(mount, file) : std::string();
      if (source.empty() || mount.dest.size() < depth) return;
      depth = mount.dest.size();
      path = bounded_text(source, c.cut);
    };
    cover(c.passwd, passwd_depth, "/etc/passwd");
    cover(c.group, group_depth, "/etc/group");
    if (binds_only && !bind) continue;
    if (c.mounts.size() == kMountsMax) {
      c.cut = true;
      continue;
    }
    c.mounts.push_back(std::move(mount));
  }
}

// Shared with the host: no namespace of its own is asked for, or the host's is joined.
void read_namespaces(Container& c, const Json& linux_part) {
  const Json& namespaces = member(linux_part, "namespaces");
  if (!linux_part.IsObject()) return;
  bool pid = true, network = true, ipc = true;
  if (namespaces.IsArray()) {
    for (const Json& item : namespaces.GetArray()) {
      const std::string type = text_at(item, "type", c.cut);
      const bool host = text_at(item, "path", c.cut).starts_with("/proc/1/ns/");
      if (type == "pid") pid = host;
      if (type == "network") network = host;
      if (type == "ipc") ipc = host;
    }
  }
  c.host_pid = pid;
  c.host_network = network;
  c.host_ipc = ipc;
}

std::vector<IdRange> ranges_of(const Json& mappings, bool& cut) {
  std::vector<IdRange> ranges;
  if (!mappings.IsArray()) return ranges;
  for (const Json& item : mappings.GetArray()) {
    const Json& inner = member(item, "containerID");
    const Json& host = member(item, "hostID");
    const Json& size = member(item, "size");
    if (!inner.IsUint() || !host.IsUint() || !size.IsUint()) continue;
    if (ranges.size() == kIdRangesMax) {
      cut = true;
      break;
    }
    ranges.push_back({inner.GetUint(), host.GetUint(), size.GetUint()});
  }
  return ranges;
}

bool is_any_number(const Json& value) {
  return !value.IsInt64() || value.GetInt64() < 0;
}

// The last rule about every device decides.
bool allows_every_device(const Json& linux_part, bool& cut) {
  const Json& devices = member(member(linux_part, "resources"), "devices");
  if (!devices.IsArray()) return false;
  bool all = false;
  for (const Json& rule : devices.GetArray()) {
    const std::string type = text_at(rule, "type", cut);
    const std::string access = text_at(rule, "access", cut);
    const auto allow = bool_of(member(rule, "allow"));
    if (!allow || (!type.empty() && type != "a")) continue;
    if (!is_any_number(member(rule, "major")) || !is_any_number(member(rule, "minor"))) continue;
    const bool every =
        access.empty() || (access.find('r') != std::string::npos && access.find('w') != std::string::npos &&
                           access.find('m') != std::string::npos);
    all = *allow ? all || every : false;
  }
  return all;
}

bool is_empty(const Json& array) {
  return !array.IsArray() || array.Empty();
}

std::string below(const std::string& folder, const std::string& path) {
  if (path.empty() || path.starts_with('/') || folder.empty()) return path;
  return folder + "/" + path;
}

}  // namespace

bool read_oci_bundle(Container& c, std::string_view config_json, const std::string& bundle_path,
                     std::string& cgroups_path) {
  rapidjson::Document config;
  if (!parse_object(config, config_json)) return false;
  const Json& linux_part = member(config, "linux");
  if (!linux_part.IsObject() && !member(config, "process").IsObject()) return false;
  read_process(c, member(config, "process"));
  if (std::string name = text_at(config, "hostname", c.cut); !name.empty()) c.hostname = std::move(name);
  c.rootfs = bounded_text(below(bundle_path, text_at(member(config, "root"), "path", c.cut)), c.cut);
  read_namespaces(c, linux_part);
  c.uid_map = ranges_of(member(linux_part, "uidMappings"), c.cut);
  c.gid_map = ranges_of(member(linux_part, "gidMappings"), c.cut);
  if (linux_part.IsObject()) {
    c.privileged = c.capabilities && (*c.capabilities & kSysAdmin) != 0 &&
                   is_empty(member(linux_part, "maskedPaths")) && is_empty(member(linux_part, "readonlyPaths")) &&
                   allows_every_device(linux_part, c.cut);
  }
  read_annotations(c, member(config, "annotations"));
  read_mounts(c, member(config, "mounts"), !c.sandbox_id.empty());
  cgroups_path = text_at(linux_part, "cgroupsPath", c.cut);
  return true;
}

}  // namespace tiercel::container
