// containerd's own API (gRPC): what it keeps of a container and of an image. The readers are pure and take hostile
// bytes; ask_containerd blocks, on a lane's thread. Facts: containerd api/services/{containers,images}/v1/*.proto,
// api/types/descriptor.proto; the namespace goes in the header containerd-namespace.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "agent/container/container.h"
#include "agent/runtime/cri_api.h"
#include "agent/runtime/dialogue.h"

namespace tiercel::runtime {

inline constexpr uint32_t kContainerdTells = container::kMissingRecord | container::kMissingName |
                                             container::kMissingImage | container::kMissingDigest |
                                             container::kMissingLabels | kCriTellsOfPods;

// GetContainerResponse. Fills what `missing` names, and clears those bits; the digest is the image's to tell. The
// image's name in containerd; nothing if this is no answer about that container.
std::optional<std::string> read_containerd_container(container::Container& container, std::string_view message);
// The same about a pod's sandbox: only the pod's labels.
bool read_containerd_sandbox(container::Container& container, std::string_view message);
// GetImageResponse. False: no answer about that image.
bool read_containerd_image(container::Container& container, std::string_view image, std::string_view message);

// The container, its image, its pod: what is missing of each. Without Container::socket_namespace the usual ones are
// tried. `type` is the container's if it is not known yet.
Outcome ask_containerd(const Dialogue& dialogue, const std::string& type, container::Container& container);

}  // namespace tiercel::runtime
