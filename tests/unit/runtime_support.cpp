#include "runtime_support.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstring>

#include "agent/runtime/grpc.h"
#include "agent/runtime/wire.h"

namespace tiercel::runtime::test {
namespace {

enum FrameType : uint8_t { kData = 0, kHeaders = 1, kSettings = 4, kGoAway = 7 };
constexpr uint8_t kEndStream = 1, kAck = 1, kEndHeaders = 4;
constexpr size_t kPrefaceSize = 24, kFrameHeadSize = 9, kFrameSizeMax = 16'384;

std::string big_endian(uint64_t value, int bytes) {
  std::string out;
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift));
  return out;
}

std::string http2_frame(uint8_t type, uint8_t flags, uint32_t stream, std::string_view payload) {
  std::string out = big_endian(payload.size(), 3);
  out.push_back(static_cast<char>(type));
  out.push_back(static_cast<char>(flags));
  return out.append(big_endian(stream, 4)).append(payload);
}

// HPACK: a literal with a new name, not indexed, no Huffman code; all are shorter than 127.
std::string literal(std::string_view name, std::string_view value) {
  std::string out(1, '\0');
  out.push_back(static_cast<char>(name.size()));
  out.append(name);
  out.push_back(static_cast<char>(value.size()));
  return out.append(value);
}

struct Frame {
  uint8_t type = 0, flags = 0;
  uint32_t stream = 0;
  std::string payload;
};

bool read_frame(Connection& connection, Frame& frame) {
  const std::string head = connection.read(kFrameHeadSize);
  if (head.size() < kFrameHeadSize) return false;
  const auto at = [&](size_t i) { return static_cast<uint32_t>(static_cast<uint8_t>(head[i])); };
  frame.type = static_cast<uint8_t>(at(3));
  frame.flags = static_cast<uint8_t>(at(4));
  frame.stream = at(5) << 24 | at(6) << 16 | at(7) << 8 | at(8);
  const size_t size = at(0) << 16 | at(1) << 8 | at(2);
  frame.payload = connection.read(size);
  return frame.payload.size() == size;
}

std::string http2_answer(const GrpcAnswer& answer, uint32_t stream) {
  const std::string ok = "\x88" + literal("content-type", "application/grpc");  // \x88: ":status: 200"
  const std::string status = literal("grpc-status", std::to_string(answer.status));
  if (answer.status != 0) return http2_frame(kHeaders, kEndHeaders | kEndStream, stream, ok + status);
  std::string body = grpc::frame(answer.message);
  if (answer.compressed) body[0] = 1;
  std::string out = http2_frame(kHeaders, kEndHeaders, stream, ok);
  for (size_t begin = 0; begin < body.size(); begin += kFrameSizeMax) {
    const bool last = begin + kFrameSizeMax >= body.size();
    out += http2_frame(kData, last && answer.without_trailers ? kEndStream : 0, stream,
                       std::string_view(body).substr(begin, kFrameSizeMax));
  }
  if (!answer.without_trailers) out += http2_frame(kHeaders, kEndHeaders | kEndStream, stream, status);
  return out;
}

}  // namespace

bool Connection::wait(short events) {
  pollfd fds[2] = {{fd_, events, 0}, {stop_fd_, POLLIN, 0}};
  return ::poll(fds, 2, -1) > 0 && fds[1].revents == 0;
}

std::string Connection::read_some() {
  if (!rest_.empty()) return std::exchange(rest_, {});
  if (!wait(POLLIN)) return {};
  char bytes[4096];
  const ssize_t count = ::recv(fd_, bytes, sizeof bytes, 0);
  return count > 0 ? std::string(bytes, static_cast<size_t>(count)) : std::string();
}

std::string Connection::read(size_t size) {
  std::string out;
  while (out.size() < size) {
    const std::string some = read_some();
    if (some.empty()) return out;
    out += some;
  }
  rest_ = out.substr(size) + rest_;
  out.resize(size);
  return out;
}

std::string Connection::read_until(std::string_view mark) {
  std::string out;
  while (out.find(mark) == std::string::npos) {
    const std::string some = read_some();
    if (some.empty()) return out;
    out += some;
  }
  const size_t end = out.find(mark) + mark.size();
  rest_ = out.substr(end) + rest_;
  out.resize(end);
  return out;
}

bool Connection::write(std::string_view bytes) {
  while (!bytes.empty()) {
    if (!wait(POLLOUT)) return false;
    const ssize_t count = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count < 0 && errno == EAGAIN) continue;
    if (count <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(count));
  }
  return true;
}

void Connection::wait_for_end() {
  while (!read_some().empty()) {
  }
}

FakeServer::FakeServer(std::string path, Handler handler) : path_(std::move(path)), handler_(std::move(handler)) {
  listener_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  stop_.reset(::eventfd(0, EFD_CLOEXEC));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path_.copy(address.sun_path, sizeof address.sun_path - 1);
  ::unlink(path_.c_str());
  if (::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener_.get(), 16) != 0)
    throw std::runtime_error("no socket at " + path_);
  thread_ = std::thread([this] { run(); });
}

FakeServer::FakeServer(Handler handler) : handler_(std::move(handler)) {
  listener_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  stop_.reset(::eventfd(0, EFD_CLOEXEC));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listener_.get(), 16) != 0 ||
      ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0)
    throw std::runtime_error("no port on the loopback");
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { run(); });
}

FakeServer::~FakeServer() {
  ::eventfd_write(stop_.get(), 1);
  thread_.join();
  if (!path_.empty()) ::unlink(path_.c_str());
}

void FakeServer::run() {
  while (true) {
    pollfd fds[2] = {{listener_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}};
    if (::poll(fds, 2, -1) < 0 || fds[1].revents != 0) return;
    const Fd accepted(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!accepted.valid()) return;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      ++connections_;
    }
    Connection connection(accepted.get(), stop_.get());
    handler_(connection);
  }
}

size_t FakeServer::connections() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return connections_;
}

void FakeServer::wait_for_connections(size_t count) {
  while (connections() < count) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

std::string http1(int status, std::string_view body) {
  return "HTTP/1.1 " + std::to_string(status) +
         " Text\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body);
}

void Http1::operator()(Connection& connection) {
  const std::string head = connection.read_until("\r\n\r\n");
  {
    const std::lock_guard<std::mutex> lock(mutex);
    heads.push_back(head);
  }
  const size_t begin = head.find(' ') + 1;
  const std::string body = answer(head.substr(begin, head.find(' ', begin) - begin));
  connection.write(body.empty() ? http1(404, R"({"message":"No such container"})") : http1(200, body));
  connection.wait_for_end();
}

std::vector<std::string> Http1::asked() {
  const std::lock_guard<std::mutex> lock(mutex);
  return heads;
}

void Grpc::operator()(Connection& connection) {
  connection.read(kPrefaceSize);
  connection.write(http2_frame(kSettings, 0, 0, {}));
  std::string body;
  for (Frame frame; read_frame(connection, frame);) {
    if (frame.type == kSettings && (frame.flags & kAck) == 0) connection.write(http2_frame(kSettings, kAck, 0, {}));
    if (frame.type == kData) body += frame.payload;
    if ((frame.type != kData && frame.type != kHeaders) || (frame.flags & kEndStream) == 0) continue;
    const auto message = grpc::unframe(body);
    size_t call = 0;
    {
      const std::lock_guard<std::mutex> lock(mutex);
      call = requests.size();
      requests.emplace_back(message ? *message : "not a message");
    }
    connection.write(http2_answer(answer(call, requests[call]), frame.stream));
  }
}

std::vector<std::string> Grpc::asked() {
  const std::lock_guard<std::mutex> lock(mutex);
  return requests;
}

std::string text_field(uint32_t number, std::string_view text) {
  std::string out;
  write_text(out, number, text);
  return out;
}

}  // namespace tiercel::runtime::test
