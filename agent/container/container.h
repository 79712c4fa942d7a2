// Container: what is known of one container, as plain values. Made by the readers of the runtimes' records (record.h)
// and completed by what a runtime's socket says (asker.h); immutable afterwards, so any thread may read it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tiercel::container {

// More than these is cut, and said so in Container::cut.
inline constexpr size_t kMountsMax = 256;
inline constexpr size_t kLabelsMax = 256;
inline constexpr size_t kLabelSizeMax = 4096;  // of a key, of a value
inline constexpr size_t kTextSizeMax = 4096;   // of any other text, but:
inline constexpr size_t kCniSizeMax = 16384;
inline constexpr size_t kWordsMax = 1024;    // of an argv
inline constexpr size_t kIdRangesMax = 340;  // of a user namespace: the kernel's own limit

struct Mount {
  std::string source, dest;
  std::string mode;  // as the runtime has it: "ro", "z", or an OCI mount's options joined by commas
  bool rdwr = true;
  std::string propagation;  // "rprivate", ...
};

using Labels = std::vector<std::pair<std::string, std::string>>;  // sorted by key, each key once

// Ids of the container's user namespace: container .. container + size - 1 are host .. host + size - 1.
struct IdRange {
  uint32_t container = 0, host = 0, size = 0;
};

// What a runtime was not asked yet, or did not answer.
enum Missing : uint32_t {
  kMissingRecord = 1u << 0,     // nothing was found: all there is comes from the cgroup's name
  kMissingName = 1u << 1,       // the container's name
  kMissingImage = 1u << 2,      // its image, by name
  kMissingDigest = 1u << 3,     // the image's digest or id
  kMissingLabels = 1u << 4,     // its labels
  kMissingIp = 1u << 5,         // its address
  kMissingPodLabels = 1u << 6,  // the pod's labels, and its annotations
  kMissingPodIp = 1u << 7,      // the pod's address
};

struct Container {
  std::string id;       // of an id of 64 hexadecimal digits the first 12; else the whole name
  std::string full_id;  // all 64, or the whole name
  std::string type;     // Falco's: docker, containerd, cri-o, podman, lxc, libvirt-lxc; ours: systemd-nspawn
  std::string name;
  std::string image;  // as the runtime writes it: repository[:tag][@digest]
  std::string image_repository;
  std::string image_tag;
  std::string image_digest;  // "sha256:..." of the manifest in the registry
  std::string image_id;      // 64 hexadecimal digits, without "sha256:"
  Labels labels;
  std::vector<Mount> mounts;
  std::optional<bool> privileged, host_pid, host_network, host_ipc;
  std::optional<uint64_t> capabilities;  // bounding set of the first process, bits as in linux/capability.h
  std::string user;                      // "app", "1000:1000", as asked of the runtime
  std::vector<std::string> entrypoint;   // argv of the first process
  std::vector<std::string> healthcheck;  // Docker's Healthcheck.Test without its first word (CMD, CMD-SHELL)
  std::string hostname;
  std::string ip;
  std::string cni_json;
  uint64_t created_ns = 0;  // since the epoch; 0: not known

  bool sandbox = false;  // a pod's pause container
  std::string pod_name, pod_namespace, pod_uid, sandbox_id;
  Labels pod_labels;
  std::string pod_ip, pod_cni_json;

  // Where its files are, as paths on the host; "" if not known.
  std::string rootfs;
  std::string passwd, group;              // only if something else is mounted there: its source
  std::vector<IdRange> uid_map, gid_map;  // empty: the host's ids
  std::string socket_namespace;           // containerd's namespace

  uint32_t missing = 0;   // Missing
  bool known = false;     // the runtime's record was found
  bool verified = false;  // the record is root's and names the cgroup that the process is in
  bool cut = false;
};

// "registry:5000/app:1.2@sha256:..." -> repository "registry:5000/app", tag "1.2", digest. Without tag and digest:
// latest. What is already known and is not in the text stays. "sha256:<64 digits>" and those digits alone are an
// image's id, which has neither repository nor tag.
void set_image(Container& container, std::string image);

// "image labels": the bits by name, blank separated, in the order of Missing.
[[nodiscard]] std::string missing_text(uint32_t missing);

}  // namespace tiercel::container
