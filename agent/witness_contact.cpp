#include "agent/witness_contact.h"

#include <fmt/core.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>

namespace tiercel::witness {
namespace {

constexpr size_t kTextBytesMax = 4096;

}  // namespace

std::string packed(const wazuh::Contact& contact) {
  return fmt::format("{}\n{}\n{}\n", wazuh::format_key_line(contact.key), contact.version, contact.manager);
}

std::optional<wazuh::Contact> unpacked(std::string_view text) {
  std::array<std::string_view, 3> lines;
  for (std::string_view& line : lines) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) return std::nullopt;
    line = text.substr(0, end);
    text.remove_prefix(end + 1);
  }
  const auto key = wazuh::parse_key_line(lines[0]);
  wazuh::Contact contact;
  const auto number = std::from_chars(lines[2].data(), lines[2].data() + lines[2].size(), contact.manager);
  if (!key || number.ec != std::errc() || !text.empty()) return std::nullopt;
  contact.key = *key;
  contact.version = lines[1];
  return contact;
}

void send_contact_to(int socket, const std::string& text, int fd) {
  iovec part{const_cast<char*>(text.data()), text.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> room{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (fd >= 0) {
    message.msg_control = room.data();
    message.msg_controllen = room.size();
    cmsghdr* head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof fd);
    std::memcpy(CMSG_DATA(head), &fd, sizeof fd);
  }
  while (::sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno == EINTR) continue;
}

Heard hear_contact(int socket) {
  Heard heard;
  std::array<char, kTextBytesMax> text{};
  iovec part{text.data(), text.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> room{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = room.data();
  message.msg_controllen = room.size();
  ssize_t got = 0;
  while ((got = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT)) < 0 && errno == EINTR) continue;
  if (got <= 0) {
    heard.end = got == 0 || errno != EAGAIN;
    return heard;
  }
  const cmsghdr* head = CMSG_FIRSTHDR(&message);
  if (head != nullptr && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS) {
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(head), sizeof fd);
    heard.fd.reset(fd);
  }
  heard.contact = unpacked({text.data(), static_cast<size_t>(got)});
  return heard;
}

}  // namespace tiercel::witness
