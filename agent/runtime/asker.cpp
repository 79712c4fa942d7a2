#include "agent/runtime/asker.h"

#include <mutex>
#include <utility>

#include "agent/runtime/containerd_api.h"
#include "agent/runtime/cri_api.h"
#include "agent/runtime/docker_api.h"
#include "agent/runtime/lane.h"

namespace tiercel::runtime {
namespace {

using container::Container;

uint32_t docker_tells(const Container& container) {
  return container.missing & kDockerTells;
}

// Of pods only where the container is in one.
uint32_t containerd_tells(const Container& container) {
  const uint32_t tells = container.missing & kContainerdTells;
  return sandbox_of(container).empty() ? tells & ~kCriTellsOfPods : tells;
}

uint32_t crio_tells(const Container& container) {
  const uint32_t of_container = container.sandbox ? 0 : container.missing & kCriTellsOfContainers;
  return of_container | (sandbox_of(container).empty() ? 0 : container.missing & kCriTellsOfPods);
}

// Nobody told us whose it is: that is asked only if no record was found.
template <uint32_t (*kTells)(const Container&)>
uint32_t of_unknown(const Container& container) {
  const bool unknown = container.type.empty() && (container.missing & container::kMissingRecord) != 0;
  return unknown ? kTells(container) : 0;
}

std::vector<std::string> below(const std::string& root, std::vector<std::string> paths) {
  for (std::string& path : paths) path.insert(0, root);
  return paths;
}

}  // namespace

struct Asker::Impl {
  Impl(const Options& options, Metrics& metrics, Answer answer_to)
      : patience(options.clock != nullptr ? *options.clock : system_clock),
        answer(std::move(answer_to)),
        docker(lane(options, "docker", {docker_peer(options)}), metrics, patience),
        podman(lane(options, "podman",
                    {{"podman", below(options.host_root, options.sockets.podman), docker_tells, ask_docker}}),
               metrics, patience),
        containerd(lane(options, "containerd", {containerd_peer(options)}), metrics, patience),
        crio(lane(options, "cri-o", {{"cri-o", below(options.host_root, options.sockets.crio), crio_tells, ask_crio}}),
             metrics, patience),
        unknown(lane(options, "unknown", {unknown_docker(options), unknown_containerd(options)}), metrics, patience) {}

  // All at once: each join then waits for no socket.
  ~Impl() {
    for (Lane* each : {&docker, &podman, &containerd, &crio, &unknown}) each->stop();
  }

  static Peer docker_peer(const Options& options) {
    return {"docker", below(options.host_root, options.sockets.docker), docker_tells, ask_docker};
  }
  static Peer containerd_peer(const Options& options) {
    return {"containerd", below(options.host_root, options.sockets.containerd), containerd_tells, ask_containerd};
  }
  static Peer unknown_docker(const Options& options) {
    Peer peer = docker_peer(options);
    peer.tells = of_unknown<docker_tells>;
    return peer;
  }
  static Peer unknown_containerd(const Options& options) {
    Peer peer = containerd_peer(options);
    peer.tells = of_unknown<containerd_tells>;
    return peer;
  }

  LaneOptions lane(const Options& options, std::string name, std::vector<Peer> peers) {
    return {std::move(name),
            std::move(peers),
            options.timeout_ms,
            options.queue_max,
            options.answer_size_max,
            [this](uint64_t ticket, ContainerPtr container) {
              const std::lock_guard<std::mutex> lock(answering);
              answer(ticket, std::move(container));
            }};
  }

  Lane& lane_of(const std::string& type) {
    if (type == docker.name()) return docker;
    if (type == podman.name()) return podman;
    if (type == containerd.name()) return containerd;
    if (type == crio.name()) return crio;
    return unknown;
  }

  SystemClock system_clock;
  Patience patience;
  std::mutex answering;
  Answer answer;
  Lane docker, podman, containerd, crio, unknown;
};

Asker::Asker(Options options, Metrics& metrics, Answer answer)
    : impl_(std::make_unique<Impl>(options, metrics, std::move(answer))) {}

Asker::~Asker() = default;

bool Asker::ask(uint64_t ticket, std::shared_ptr<const Container> container) {
  Lane& lane = impl_->lane_of(container->type);
  return lane.ask(ticket, std::move(container));
}

}  // namespace tiercel::runtime
