// Port numbers and service names of /etc/services, read once. Any thread after the first call.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tiercel::rule {

[[nodiscard]] std::string_view service_name(uint16_t port, bool udp);  // "" if there is none
[[nodiscard]] std::optional<uint16_t> service_port(std::string_view name);

}  // namespace tiercel::rule
