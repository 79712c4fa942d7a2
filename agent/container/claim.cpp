#include "agent/container/claim.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace tiercel::container {
namespace {

constexpr size_t kIdLength = 64;
constexpr size_t kNameSizeMax = 255;
constexpr size_t kContainerdNameSizeMax = 76;
// Whoever is in a container may nest cgroups: the outermost claims, one of which is the container's, are kept.
constexpr size_t kInnerClaimsMax = 4;
constexpr size_t kClaimsMax = 16;

struct Component {
  std::string_view name;
  size_t end = 0;  // in the path
};

struct Path {
  std::string_view text;
  std::vector<Component> components;

  [[nodiscard]] std::string_view name(size_t i) const { return components[i].name; }
  [[nodiscard]] std::string_view above(size_t i) const { return i == 0 ? std::string_view() : name(i - 1); }
};

Path split(std::string_view text) {
  Path path{text, {}};
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('/', at), text.size());
    if (end > at) path.components.push_back({text.substr(at, end - at), end});
    at = end + 1;
  }
  return path;
}

bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

bool strip_suffix(std::string_view& text, std::string_view suffix) {
  if (!text.ends_with(suffix)) return false;
  text.remove_suffix(suffix.size());
  return true;
}

bool strip_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

// Who names its units so.
std::optional<std::string_view> type_of_prefix(std::string_view prefix) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kPrefixes = {{{"docker", "docker"},
                                                                                       {"cri-containerd", "containerd"},
                                                                                       {"nerdctl", "containerd"},
                                                                                       {"crio", "cri-o"},
                                                                                       {"libpod", "podman"},
                                                                                       {"libpod-payload", "podman"}}};
  for (auto [known, type] : kPrefixes)
    if (prefix == known) return type;
  return std::nullopt;
}

// "docker-<id>.scope" of systemd's driver; "crio-<id>" and "libpod-<id>" of the cgroupfs one;
// "<slice>:cri-containerd:<id>" where kubelet and containerd disagree about the driver.
std::optional<Claim> oci_unit(std::string_view name) {
  const std::string_view whole = name;
  const bool scope = strip_suffix(name, ".scope");
  if (name.size() < kIdLength + 2 || !is_long_id(name.substr(name.size() - kIdLength))) return std::nullopt;
  Claim claim;
  claim.full_id = name.substr(name.size() - kIdLength);
  const char before = name[name.size() - kIdLength - 1];
  std::string_view prefix = name.substr(0, name.size() - kIdLength - 1);
  if (before == ':') {
    const size_t colon = prefix.rfind(':');
    if (scope || colon == std::string_view::npos) return std::nullopt;
    prefix.remove_prefix(colon + 1);
  } else if (before != '-') {
    return std::nullopt;
  }
  if (prefix.ends_with("conmon")) return std::nullopt;
  const auto type = type_of_prefix(prefix);
  if (!type && !scope) return std::nullopt;
  claim.type = type.value_or("");
  if (scope) claim.unit = whole;
  claim.sure = true;
  return claim;
}

std::optional<Claim> bare_id(std::string_view name, std::string_view above) {
  // Podman's pods are folders of that kind too.
  if (!is_long_id(name) || above == "libpod_parent") return std::nullopt;
  Claim claim;
  if (above == "docker") claim.type = "docker";
  if (above == "k8s.io") claim.type = "containerd";
  claim.full_id = name;
  claim.sure = true;
  return claim;
}

std::optional<Claim> named(std::string_view type, std::string_view name) {
  // It will be part of a path, and what a unit's name escapes may be anything.
  if (name.empty() || name.size() > kNameSizeMax || name == "." || name == "..") return std::nullopt;
  if (name.find('/') != std::string_view::npos || name.find('\0') != std::string_view::npos) return std::nullopt;
  Claim claim;
  claim.type = type;
  claim.full_id = name;
  claim.sure = true;
  return claim;
}

// "lxc-1234-web" -> "web"
std::string_view without_number(std::string_view name) {
  if (!strip_prefix(name, "lxc-")) return name;
  const size_t digits = std::min(name.find_first_not_of("0123456789"), name.size());
  if (digits > 0 && digits + 1 < name.size() && name[digits] == '-') name.remove_prefix(digits + 1);
  return name;
}

std::optional<Claim> lxc(const Path& path, size_t i) {
  std::string_view name = path.name(i);
  if (strip_suffix(name, ".libvirt-lxc")) return named("libvirt-lxc", without_number(name));
  if (strip_prefix(name, "lxc.payload.")) return named("lxc", name);
  if (path.above(i) == "lxc.payload") return named("lxc", name);
  if (path.above(i) != "lxc" || name.ends_with(".slice") || name.ends_with(".scope") || name.ends_with(".service"))
    return std::nullopt;
  return named(i >= 2 && path.name(i - 2) == "libvirt" ? "libvirt-lxc" : "lxc", name);
}

std::optional<Claim> machine(std::string_view unit) {
  std::string_view name = unit;
  std::optional<Claim> claim;
  if (strip_prefix(name, "machine-") && strip_suffix(name, ".scope")) {
    const std::string plain = unescaped_unit(name);
    if (plain.starts_with("qemu-")) return std::nullopt;  // libvirt's virtual machines
    claim = plain.starts_with("lxc-") ? named("libvirt-lxc", without_number(plain)) : named("systemd-nspawn", plain);
  } else if (strip_prefix(name, "systemd-nspawn@") && strip_suffix(name, ".service")) {
    claim = named("systemd-nspawn", unescaped_unit(name));
  }
  if (claim) claim->unit = unit;
  return claim;
}

bool is_containerd_name(std::string_view text) {
  if (text.empty() || text.size() > kContainerdNameSizeMax) return false;
  if (!std::all_of(text.begin(), text.end(), [](unsigned char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' ||
               c == '.';
      }))
    return false;
  for (std::string_view end : {".slice", ".service", ".scope", ".mount", ".socket", ".swap", ".partition"})
    if (text.ends_with(end)) return false;
  return text.front() != '.' && text.front() != '-' && text.front() != '_';
}

// `ctr run` puts NAME of NAMESPACE at /NAMESPACE/NAME, nowhere deeper.
std::optional<Claim> ctr(const Path& path, size_t i) {
  if (i != 1 || !is_containerd_name(path.name(0)) || !is_containerd_name(path.name(1))) return std::nullopt;
  for (std::string_view other : {"kubepods", "lxc.monitor", "libpod_parent", "docker"})
    if (path.name(0) == other) return std::nullopt;
  Claim claim;
  claim.type = "containerd";
  claim.full_id = path.name(1);
  return claim;
}

// "kubepods-burstable-pod0a1b_....slice", "pod0a1b-..." below a kubepods folder; "" if it is no pod's.
std::string pod_uid_of(std::string_view name, bool in_kubepods) {
  if (const size_t colon = name.find(':'); colon != std::string_view::npos) name = name.substr(0, colon);
  std::string_view uid;
  if (strip_suffix(name, ".slice")) {
    const size_t at = name.rfind("-pod");
    if (at == std::string_view::npos || name.find("kubepods") == std::string_view::npos) return {};
    uid = name.substr(at + 4);
  } else if (in_kubepods && name.starts_with("pod")) {
    uid = name.substr(3);
  }
  if (uid.size() > kIdLength) return {};
  std::string plain(uid);
  std::replace(plain.begin(), plain.end(), '_', '-');
  return plain;
}

void describe(Claim& claim, const Path& path, size_t i) {
  claim.path = path.text.substr(0, path.components[i].end);
  if (!claim.path.starts_with('/')) claim.path.insert(0, 1, '/');
  claim.parent = path.above(i);
  bool in_kubepods = false;
  for (size_t above = 0; above <= i; ++above) {
    std::string_view name = path.name(above);
    if (std::string uid = pod_uid_of(name, in_kubepods); !uid.empty()) claim.pod_uid = std::move(uid);
    in_kubepods |= name.find("kubepods") != std::string_view::npos;
    uint32_t uid = 0;
    if (!strip_prefix(name, "user-") || !strip_suffix(name, ".slice")) continue;
    auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), uid);
    if (error == std::errc() && end == name.data() + name.size()) claim.owner = uid;
  }
}

std::optional<Claim> claim_at(const Path& path, size_t i) {
  std::optional<Claim> claim = oci_unit(path.name(i));
  if (!claim) claim = bare_id(path.name(i), path.above(i));
  if (!claim) claim = lxc(path, i);
  if (!claim) claim = machine(path.name(i));
  if (!claim) claim = ctr(path, i);
  return claim;
}

}  // namespace

bool is_long_id(std::string_view text) {
  return text.size() == kIdLength && std::all_of(text.begin(), text.end(), is_hex);
}

std::string unescaped_unit(std::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    unsigned char byte = 0;
    if (text[i] == '\\' && i + 3 < text.size() && text[i + 1] == 'x') {
      auto [end, error] = std::from_chars(text.data() + i + 2, text.data() + i + 4, byte, 16);
      if (error == std::errc() && end == text.data() + i + 4) {
        plain += static_cast<char>(byte);
        i += 3;
        continue;
      }
    }
    plain += text[i];
  }
  return plain;
}

std::vector<Claim> claims_of(std::string_view cgroup_path) {
  const Path path = split(cgroup_path);
  std::vector<Claim> claims;
  for (size_t i = path.components.size(); i-- > 0;) {
    auto claim = claim_at(path, i);
    if (!claim) continue;
    describe(*claim, path, i);
    claims.push_back(std::move(*claim));
    if (claims.size() > kClaimsMax) claims.erase(claims.begin() + kInnerClaimsMax);
  }
  return claims;
}

}  // namespace tiercel::container
