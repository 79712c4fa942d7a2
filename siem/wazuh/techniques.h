// Techniques that a Wazuh 4.x manager knows: it puts names and tactics to those ids only, and warns of others. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tiercel::wazuh {

// The technique itself; if the manager lacks it, what it is a part of (T1496 of T1496.001); nothing if it lacks that
// too.
[[nodiscard]] std::optional<std::string> manager_technique(std::string_view id);

}  // namespace tiercel::wazuh
