// The receiver's UDP side: datagrams in, and the repeating of requests until the agent says that it has them.
#include <algorithm>
#include <array>
#include <cerrno>

#include "siem/wazuh/manager/receiver.h"
#include "siem/wazuh/message.h"
#include "siem/wazuh/tcp.h"

namespace tiercel::wazuh {
namespace {

constexpr size_t kPeersMax = 10'000;
constexpr int kDatagramsAtOnce = 256;
constexpr int kAttempts = 4;
constexpr int kRepeatMs = 1'000;
constexpr size_t kOpenRequestsMax = 1'000;
constexpr std::string_view kRequest = "#!-req ";

}  // namespace

Result<> Receiver::open_udp() {
  Result<Fd> socket = udp_on_loopback(options_.address, port_ != 0 ? port_ : options_.port);
  if (!socket) return tl::unexpected(socket.error());
  udp_ = std::make_shared<const Fd>(std::move(*socket));
  port_ = local_port(udp_->get());
  return {};
}

Receiver::ConnectionPtr Receiver::connection_of(const sockaddr_storage& from, socklen_t size) {
  const std::string key(reinterpret_cast<const char*>(&from), size);
  if (const auto found = udp_connections_.find(key); found != udp_connections_.end() && !found->second->close_asked())
    return found->second;
  if (udp_connections_.size() >= kPeersMax) return nullptr;
  auto made = std::make_shared<Connection>(UdpPeer{udp_, from, size, options_.udp_loss_percent}, address_text(from),
                                           ++counts_.connections);
  udp_connections_[key] = made;
  connections_.push_back(made);
  return made;
}

void Receiver::read_datagrams() {
  std::array<char, kPayloadBytesMax> datagram;
  for (int i = 0; i < kDatagramsAtOnce; ++i) {
    sockaddr_storage from{};
    socklen_t size = sizeof from;
    const ssize_t got =
        ::recvfrom(udp_->get(), datagram.data(), datagram.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
    if (got < 0 && errno != EINTR && errno != ECONNREFUSED) return;
    if (got <= 0) continue;
    if (static_cast<int>(random_u32() % 100) < options_.udp_loss_percent) continue;
    if (const ConnectionPtr connection = connection_of(from, size))
      take(connection, {datagram.data(), static_cast<size_t>(got)});
  }
}

void Receiver::note_request(const std::string& agent_id, std::string_view message) {
  if (!message.starts_with(kRequest)) return;
  const std::string_view rest = message.substr(kRequest.size());
  const std::string counter(rest.substr(0, rest.find(' ')));
  std::lock_guard lock(requests_mutex_);
  const bool known = std::any_of(open_requests_.begin(), open_requests_.end(),
                                 [&counter](const OpenRequest& each) { return each.counter == counter; });
  if (known || open_requests_.size() >= kOpenRequestsMax) return;
  open_requests_.push_back({agent_id, counter, std::string(message), deadline_in_ms(kRepeatMs), 1});
}

void Receiver::request_heard(std::string_view counter) {
  std::lock_guard lock(requests_mutex_);
  std::erase_if(open_requests_, [counter](const OpenRequest& each) { return each.counter == counter; });
}

uint64_t Receiver::repeat_requests() {
  std::vector<OpenRequest> due;
  uint64_t next_ns = UINT64_MAX;
  {
    std::lock_guard lock(requests_mutex_);
    std::erase_if(open_requests_, [](const OpenRequest& each) { return each.attempts >= kAttempts; });
    for (OpenRequest& each : open_requests_) {
      if (monotonic_now_ns() >= each.next_ns) {
        due.push_back(each);
        ++each.attempts;
        each.next_ns = deadline_in_ms(kRepeatMs);
      }
      next_ns = std::min(next_ns, each.next_ns);
    }
  }
  for (const OpenRequest& each : due) send(each.agent_id, each.message);
  return next_ns;
}

}  // namespace tiercel::wazuh
