// A case's container: the map below `container:`. Mistakes go to the diagnostics with their place.
#pragma once

#include <optional>

#include "agent/base/diagnostic.h"
#include "agent/casefile/map_reader.h"
#include "agent/context/containers.h"

namespace tiercel::casefile {

// `node` is a name or a map of them; `outer` tells of anything else.
std::optional<context::Container> read_container(const rule::YamlNode& node, MapReader& outer,
                                                 Diagnostics& diagnostics);

}  // namespace tiercel::casefile
