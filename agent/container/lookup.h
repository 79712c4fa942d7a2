// Lookup: finds the records that may belong to a claim, kind of runtime by kind, in the places of one owner: root's, or
// a user's who runs containers of its own. Blocks as long as the storage does. Only for sources of this folder.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/container/claim.h"
#include "agent/container/container.h"
#include "agent/container/host_files.h"
#include "agent/container/record.h"

namespace tiercel::container {

inline constexpr size_t kRecordSizeMax = 1u << 20;
inline constexpr size_t kListSizeMax = 16u << 20;  // of files about all containers or images
inline constexpr size_t kMachineSizeMax = 64u << 10;
inline constexpr size_t kFoldersMax = 64;

struct Places {
  std::vector<std::string> docker, tasks, lxd;
  std::string storage, storage_run, lxc, machines;
  std::optional<uint32_t> owner;          // nothing: root
  std::vector<IdRange> uid_map, gid_map;  // of the owner's own user namespace
};

Places roots_places(const RecordRoots& roots, const HostFiles& files);
// Home and ids from the host's passwd, subuid(5) and subgid(5). Without a passwd entry only what is below /run.
Places users_places(uint32_t uid, const HostFiles& files);

enum class Verdict {
  kNone,          // no record
  kNotContainer,  // the record says that it is none: a virtual machine
  kOther,         // the record names another cgroup
  kUsers,         // it names this one, but root did not write it
  kRoots,
};

struct Look {
  Verdict verdict = Verdict::kNone;
  Container container;
};

class Lookup {
 public:
  Lookup(const HostFiles& files, const Places& places) : files_(files), places_(places) {}
  [[nodiscard]] Look look(const Claim& claim) const;

 private:
  [[nodiscard]] Look docker(const Claim& claim) const;
  [[nodiscard]] Look tasks(const Claim& claim) const;
  [[nodiscard]] Look task(const Claim& claim, const std::string& root, const std::string& name_space) const;
  [[nodiscard]] Look storage(const Claim& claim) const;
  [[nodiscard]] Look stored(const Claim& claim, const std::string& driver) const;
  [[nodiscard]] Look lxc(const Claim& claim) const;
  [[nodiscard]] Look machine(const Claim& claim) const;

  bool docker_bundle(Container& container, std::string& path, std::string& cgroups_path) const;
  void docker_pod(Container& container, const std::string& folder) const;
  void docker_images(Container& container, const std::string& folder) const;
  void crio_pod(Container& container, const std::string& driver) const;
  [[nodiscard]] std::optional<std::string> read(const std::string& path, size_t size_bytes_max) const;
  [[nodiscard]] Verdict verdict_of(bool names_it, const std::vector<std::string>& files) const;
  void map_ids(Container& container) const;

  const HostFiles& files_;
  const Places& places_;
};

}  // namespace tiercel::container
