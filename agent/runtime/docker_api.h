// Docker's Engine API, and Podman's that is like it: what it says of a container and of its image. The readers are pure
// and take hostile bytes; ask_docker blocks, on a lane's thread.
// Facts: docs.docker.com/reference/api/engine (ContainerInspect, ImageInspect). No version is named in the path: a
// daemon then speaks its own, and what is read here is in each since 1.24.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "agent/container/container.h"
#include "agent/runtime/dialogue.h"

namespace tiercel::runtime {

// What docker_api can tell, as bits of container::Missing.
inline constexpr uint32_t kDockerTells = container::kMissingRecord | container::kMissingName |
                                         container::kMissingImage | container::kMissingDigest |
                                         container::kMissingLabels | container::kMissingIp;

// Both fill what `missing` names, and clear those bits.
// GET /containers/ID/json. The image's id ("" if it has none); nothing if this is no answer about that container.
std::optional<std::string> read_docker_container(container::Container& container, std::string_view json);
// GET /images/ID/json. False: no answer about that image.
bool read_docker_image(container::Container& container, std::string_view image_id, std::string_view json);

// `type` is the container's if it is not known yet.
Outcome ask_docker(const Dialogue& dialogue, const std::string& type, container::Container& container);

}  // namespace tiercel::runtime
