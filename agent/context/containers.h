// Containers: which container a cgroup belongs to, and what its runtime wrote about it before its first process
// started. Deciding thread only; reads small local files, never a runtime's socket.
// Layouts: docker/daemon (config.v2.json), OCI runtime-spec config.json under the runtime's bundle directory.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "agent/base/metrics.h"

namespace tiercel::context {

struct Container {
  std::string id;       // first 12 hexadecimal digits
  std::string full_id;  // all 64
  std::string type;     // docker, containerd, cri-o, podman, ...; "" if the path does not tell
  std::string name;
  std::string image;  // as the runtime writes it: repository[:tag]
  std::string image_repository;
  std::string image_tag;
  std::string image_id;
  bool known = false;  // the runtime's record was found
  bool privileged = false;
  std::string pod_name, pod_namespace, pod_uid;
};

// The container id in a cgroup path ("/docker/<64 hex>", "docker-<64 hex>.scope", ...), or "".
std::string_view container_id_of(std::string_view cgroup_path);
// "registry:5000/app:1.2@sha256:..." -> repository "registry:5000/app", tag "1.2"
void set_image(Container& container, std::string image);

class Containers {
 public:
  struct Roots {
    std::string docker = "/var/lib/docker";
    std::string host;  // prefix of every path; "" on the host itself
  };
  Containers(Roots roots, Metrics& metrics);

  // A cgroup record arrived. Later calls for the same id replace the earlier one.
  void cgroup_seen(uint64_t cgroup_id, std::string_view path);
  // What an analyst's case says of a cgroup, where no runtime wrote a record.
  void announce(uint64_t cgroup_id, Container container);
  // nullptr: a cgroup of the host, or one never seen.
  [[nodiscard]] std::shared_ptr<const Container> of_cgroup(uint64_t cgroup_id);
  [[nodiscard]] bool knows(uint64_t cgroup_id) const { return by_cgroup_.contains(cgroup_id); }

 private:
  [[nodiscard]] std::shared_ptr<const Container> load(std::string_view full_id, std::string_view path) const;
  Roots roots_;
  Metrics& metrics_;
  std::unordered_map<uint64_t, std::shared_ptr<const Container>> by_cgroup_;
};

}  // namespace tiercel::context
