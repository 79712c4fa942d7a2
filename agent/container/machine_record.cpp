// Containers that are whole systems: systemd-machined's files (src/machine/machine.c: KEY=VALUE with C's escapes), and
// lxc.container.conf(5) of LXC, LXD and Incus.
#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <sstream>

#include "agent/container/claim.h"
#include "agent/container/json_text.h"
#include "agent/container/machine.h"
#include "agent/container/record.h"

namespace tiercel::container {
namespace {

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r')) text.remove_suffix(1);
  return text;
}

// KEY=VALUE lines, with blanks around both taken off.
template <class Visit>
void each_setting(std::string_view text, Visit&& visit) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trim(text.substr(0, end));
    const size_t equals = line.find('=');
    if (equals != std::string_view::npos && line.front() != '#')
      visit(trim(line.substr(0, equals)), trim(line.substr(equals + 1)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

// The number that the escape at `at` stands for ("x20", "040"), and how long it is; 0 if it is no number.
size_t numbered(std::string_view text, size_t at, unsigned char& byte) {
  const bool hexadecimal = at < text.size() && text[at] == 'x';
  const size_t begin = at + (hexadecimal ? 1 : 0);
  const size_t length = hexadecimal ? 2 : 3;
  if (begin + length > text.size()) return 0;
  auto [end, error] = std::from_chars(text.data() + begin, text.data() + begin + length, byte, hexadecimal ? 16 : 8);
  return error == std::errc() && end == text.data() + begin + length ? begin + length - at : 0;
}

// Escaped as in C, or since systemd 254 quoted as for a shell.
std::string unescaped(std::string_view value) {
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
  std::string plain;
  for (size_t i = 0; i < value.size(); ++i) {
    if (value[i] == '\\' && i + 1 < value.size()) {
      unsigned char byte = 0;
      if (const size_t length = numbered(value, ++i, byte); length > 0) {
        plain += static_cast<char>(byte);
        i += length - 1;
        continue;
      }
    }
    plain += value[i];
  }
  return plain;
}

void take_time(Container& c, std::string_view usec_text) {
  uint64_t usec = 0;
  auto [end, error] = std::from_chars(usec_text.data(), usec_text.data() + usec_text.size(), usec);
  if (error == std::errc() && end == usec_text.data() + usec_text.size() && usec < UINT64_MAX / 1000)
    c.created_ns = usec * 1000;
}

// "u 0 100000 65536", "b ..." for both
void take_idmap(Container& c, std::string_view text) {
  char kind = 0;
  IdRange range;
  std::istringstream words{std::string(text.substr(0, 128))};
  if (!(words >> kind >> range.container >> range.host >> range.size)) return;
  auto add = [&](std::vector<IdRange>& map) {
    if (map.size() < kIdRangesMax) {
      map.push_back(range);
    } else {
      c.cut = true;
    }
  };
  if (kind == 'u' || kind == 'b') add(c.uid_map);
  if (kind == 'g' || kind == 'b') add(c.gid_map);
}

// "dir:/var/lib/lxc/web/rootfs", a plain path; of other kinds the folder is not known before they are mounted.
void take_rootfs(Container& c, std::string_view value) {
  if (value.starts_with("dir:") || value.starts_with("btrfs:")) value.remove_prefix(value.find(':') + 1);
  if (value.starts_with('/')) c.rootfs = bounded_text(value, c.cut);
}

// fstab(5)'s words: source, place below the root, type, options
void take_mount(Container& c, std::string_view entry) {
  std::istringstream words{std::string(entry.substr(0, 4 * kTextSizeMax))};
  Mount mount;
  std::string type;
  if (!(words >> mount.source >> mount.dest >> type >> mount.mode)) return;
  if (c.mounts.size() == kMountsMax) {
    c.cut = true;
    return;
  }
  if (!mount.dest.starts_with('/')) mount.dest.insert(0, 1, '/');
  const std::string options = "," + mount.mode + ",";
  mount.rdwr = options.find(",ro,") == std::string::npos;
  mount.source = bounded_text(mount.source, c.cut);
  mount.dest = bounded_text(mount.dest, c.cut);
  mount.mode = bounded_text(mount.mode, c.cut);
  c.mounts.push_back(std::move(mount));
}

void take_address(Container& c, std::string_view value) {
  const std::string address(value.substr(0, std::min(value.find('/'), size_t{64})));
  unsigned char bytes[16];
  if (c.ip.empty() && ::inet_pton(AF_INET, address.c_str(), bytes) == 1) c.ip = address;
}

bool is_address_key(std::string_view key) {
  return key.starts_with("lxc.net") && (key.ends_with(".ipv4.address") || key.ends_with(".ipv4"));
}

}  // namespace

bool read_machine(Container& c, std::string_view machine_file, std::string& unit) {
  std::string name, root, service, kind;
  each_setting(machine_file, [&](std::string_view key, std::string_view value) {
    if (key == "NAME") name = bounded_text(unescaped(value), c.cut);
    if (key == "SCOPE") unit = bounded_text(unescaped(value), c.cut);
    if (key == "ROOT") root = bounded_text(unescaped(value), c.cut);
    if (key == "SERVICE") service = bounded_text(unescaped(value), c.cut);
    if (key == "CLASS") kind = bounded_text(value, c.cut);
    if (key == "REALTIME") take_time(c, value);
  });
  if (name.empty() || kind != "container") return false;
  c.type = service == "libvirt-lxc" ? "libvirt-lxc" : "systemd-nspawn";
  if (c.name.empty()) c.name = name;
  if (root.starts_with('/')) c.rootfs = root;
  return true;
}

bool read_lxc_config(Container& c, std::string_view config) {
  bool any = false;
  each_setting(config, [&](std::string_view key, std::string_view value) {
    if (!key.starts_with("lxc.")) return;
    any = true;
    if (key == "lxc.rootfs.path" || key == "lxc.rootfs") take_rootfs(c, value);
    if (key == "lxc.uts.name" || key == "lxc.utsname") c.hostname = bounded_text(value, c.cut);
    if (key == "lxc.idmap" || key == "lxc.id_map") take_idmap(c, value);
    if (key == "lxc.mount.entry") take_mount(c, value);
    if (is_address_key(key)) take_address(c, value);
  });
  return any;
}

std::vector<std::string> lxc_cgroups(std::string_view config, const std::string& name) {
  std::vector<std::string> paths{"/lxc.payload." + name, "/lxc.payload/" + name, "/lxc/" + name};
  each_setting(config, [&](std::string_view key, std::string_view value) {
    while (value.starts_with('/')) value.remove_prefix(1);
    const std::string folder = "/" + std::string(value.substr(0, kTextSizeMax));
    if (key == "lxc.cgroup.dir") paths.insert(paths.end(), {folder + "/" + name, folder + "/lxc.payload." + name});
    if (key == "lxc.cgroup.dir.container") paths.push_back(folder);
    if (paths.size() > kWordsMax) paths.resize(kWordsMax);
  });
  return paths;
}

}  // namespace tiercel::container
