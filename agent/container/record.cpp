#include "agent/container/record.h"

#include "agent/container/lookup.h"

namespace tiercel::container {
namespace {

struct File {
  std::string root, path;
};

// What is mounted over it is a path on the host; nothing leads out of the folder that it is in.
File file_of(const Container& c, const std::string& mounted, const char* path) {
  if (mounted.empty()) return {c.rootfs, path};
  const size_t slash = mounted.rfind('/');
  if (slash == std::string::npos || slash + 1 == mounted.size()) return {};
  return {slash == 0 ? "/" : mounted.substr(0, slash), mounted.substr(slash + 1)};
}

// Nobody can be asked about whole systems.
uint32_t missing_of(const Claim& claim) {
  if (claim.type == "lxc" || claim.type == "libvirt-lxc" || claim.type == "systemd-nspawn") return kMissingRecord;
  const uint32_t pod = claim.pod_uid.empty() ? 0 : kMissingPodLabels | kMissingPodIp;
  return kMissingRecord | kMissingName | kMissingImage | kMissingDigest | kMissingLabels | kMissingIp | pod;
}

}  // namespace

std::optional<RecordReader::Found> RecordReader::find(const std::vector<Claim>& claims) const {
  std::optional<Found> users, named;
  std::optional<Places> roots, owners;
  for (const Claim& claim : claims) {
    if (!roots) roots = roots_places(roots_, files_);
    Look look = Lookup(files_, *roots).look(claim);
    const bool own = claim.owner && *claim.owner != 0 && look.verdict != Verdict::kRoots;
    if (own && (!owners || owners->owner != claim.owner)) owners = users_places(*claim.owner, files_);
    if (own) {
      Look theirs = Lookup(files_, *owners).look(claim);
      if (theirs.verdict > look.verdict) look = std::move(theirs);
    }
    Container& c = look.container;
    if (look.verdict == Verdict::kRoots || look.verdict == Verdict::kUsers) {
      c.known = true;
      c.verified = look.verdict == Verdict::kRoots;
      if (c.verified) return Found{std::move(c), claim.path};
      if (!users) users = Found{std::move(c), claim.path};
    } else if (claim.sure && !named && look.verdict != Verdict::kNotContainer) {
      named = Found{container_of(claim), claim.path};
      named->container.missing = look.verdict == Verdict::kNone ? missing_of(claim) : kMissingRecord;
    }
  }
  return users ? users : named;
}

std::shared_ptr<const UserNames> RecordReader::users_of(const Container& container) const {
  auto read = [this](const File& file) {
    auto text = files_.read_in(file.root, file.path, UserNames::kFileSizeMax);
    return text ? std::move(*text) : std::string();
  };
  return std::make_shared<const UserNames>(read(file_of(container, container.passwd, "/etc/passwd")),
                                           read(file_of(container, container.group, "/etc/group")));
}

std::string RecordReader::users_stamp(const Container& container) const {
  auto stamp = [this](const File& file) {
    return file.root.empty() ? std::string() : files_.stamp(file.root, file.path);
  };
  return stamp(file_of(container, container.passwd, "/etc/passwd")) + "|" +
         stamp(file_of(container, container.group, "/etc/group"));
}

}  // namespace tiercel::container
