// What the agent tells its witness of a connection to a manager: a text and the socket itself. Pure, but for the two
// calls on the socket between them. agent/witness.h says who calls.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "agent/base/fd.h"
#include "siem/wazuh/sink.h"

namespace tiercel::witness {

[[nodiscard]] std::string packed(const wazuh::Contact& contact);
[[nodiscard]] std::optional<wazuh::Contact> unpacked(std::string_view text);

void send_contact_to(int socket, const std::string& text, int fd);  // does not wait; fd -1: without
struct Heard {
  bool end = false;  // the other side is no more
  std::optional<wazuh::Contact> contact;
  Fd fd;
};
[[nodiscard]] Heard hear_contact(int socket);  // does not wait

}  // namespace tiercel::witness
