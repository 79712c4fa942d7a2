// Ids of user namespaces that a user makes: subuid(5) and subgid(5), and one namespace within another. Pure functions,
// any thread. Only for sources of this folder.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "agent/container/container.h"

namespace tiercel::container {

// newuidmap's usual map for rootless runtimes: 0 is the owner, then the ranges that the file gives to the owner, by
// name or by number.
std::vector<IdRange> rootless_map(uint32_t owner_id, std::string_view owner_name, std::string_view owner_number,
                                  std::string_view subids);
// What `inner` calls host ids are ids of `outer`'s namespace.
std::vector<IdRange> composed(const std::vector<IdRange>& inner, const std::vector<IdRange>& outer);

}  // namespace tiercel::container
