// Asker: asks runtimes' sockets for what their files lack, on threads of its own: one for each kind of runtime, so that
// one which hangs holds up no other. Nothing ever waits for it: answers are handed to a callback on those threads, one
// at a time. Bounded: questions that find no place are refused and counted; a socket that hangs costs timeout_ms and is
// then left alone for a while (1 s, doubling to a minute), in which questions for it are answered at once with what
// they had. Sockets are looked up at each question: runtimes may come and go. Facts: Docker Engine API (docker_api.h;
// Podman answers the same); containerd's services (containerd_api.h); CRI runtime.v1 (cri_api.h).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/base/clock.h"
#include "agent/base/metrics.h"
#include "agent/container/container.h"

namespace tiercel::runtime {

// In the order in which they are asked; those that do not exist are passed over, and so is a second path to the same.
struct Sockets {
  std::vector<std::string> docker{"/run/docker.sock", "/var/run/docker.sock"};
  std::vector<std::string> podman{"/run/podman/podman.sock"};
  std::vector<std::string> containerd{"/run/containerd/containerd.sock", "/run/docker/containerd/containerd.sock",
                                      "/run/k3s/containerd/containerd.sock", "/run/k0s/containerd.sock",
                                      "/var/snap/microk8s/common/run/containerd.sock"};
  std::vector<std::string> crio{"/run/crio/crio.sock", "/var/run/crio/crio.sock"};
};

class Asker {
 public:
  struct Options {
    Sockets sockets;
    std::string host_root;     // before each path
    int timeout_ms = 2'000;    // of one question as a whole
    size_t queue_max = 1'024;  // questions that wait, for each kind of runtime
    size_t answer_size_max = 4u << 20;
    const Clock* clock = nullptr;  // what leaving alone is measured by; it outlives the Asker. nullptr: the system's
  };
  // Answered: the container with what was learnt and those bits of `missing` (container::Missing) cleared; the same one
  // if nothing was. A runtime that does not know the container clears nothing.
  using Answer = std::function<void(uint64_t ticket, std::shared_ptr<const container::Container>)>;

  Asker(Options options, Metrics& metrics, Answer answer);
  // At once, whatever a socket does. Questions that still wait are answered with what they had, before it returns.
  ~Asker();
  Asker(const Asker&) = delete;
  Asker& operator=(const Asker&) = delete;

  // Never blocks. False: no place (counted). Every accepted ticket is answered exactly once, also if nothing was
  // learnt. Any thread.
  bool ask(uint64_t ticket, std::shared_ptr<const container::Container> container);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tiercel::runtime
