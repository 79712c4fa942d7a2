// Parameters that Falco has and that no field of a record holds: the record's head tells them, or the process does.
// Pure.
#pragma once

#include <optional>
#include <string_view>

#include "decoders/catalog.h"

namespace tiercel::decoders {

// How such a parameter compares and prints; nothing if there is none of that name.
[[nodiscard]] std::optional<Kind> derived_kind(std::string_view name);

}  // namespace tiercel::decoders
