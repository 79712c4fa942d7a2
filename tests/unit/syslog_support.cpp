#include "syslog_support.h"

#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <utility>

#include "agent/base/thread.h"

namespace tiercel::siem::test {
namespace {

constexpr int kLookMs = 5;

void reset(int fd) {
  const linger at_once{1, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

struct Tls {
  SSL_CTX* context = nullptr;
  SSL* ssl = nullptr;
  Tls(const FrameServer::Options& options, int fd) {
    if (options.certificate.empty()) return;
    context = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate_chain_file(context, options.certificate.c_str());
    SSL_CTX_use_PrivateKey_file(context, options.key.c_str(), SSL_FILETYPE_PEM);
    ssl = SSL_new(context);
    SSL_set_fd(ssl, fd);
  }
  ~Tls() {
    SSL_free(ssl);
    SSL_CTX_free(context);
  }
  Tls(const Tls&) = delete;
  Tls& operator=(const Tls&) = delete;
};

}  // namespace

FrameServer::FrameServer(Options options) : options_(std::move(options)), resets_left_(options_.resets) {
  listener_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), size);
  ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size);
  port_ = ntohs(address.sin_port);
  ::listen(listener_.get(), 8);
  thread_ = start_thread("frame-server", [this] { run(); });
}

FrameServer::~FrameServer() {
  stop_ = true;
  thread_.join();
}

std::vector<std::string> FrameServer::messages() const {
  const std::lock_guard lock(mutex_);
  return messages_;
}

void FrameServer::run() {
  while (!stop_) {
    pollfd ready{listener_.get(), POLLIN, 0};
    if (::poll(&ready, 1, kLookMs) <= 0) continue;
    const Fd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    ++connections_;
    end_connection_ = false;
    serve(fd.get());
  }
}

// "LENGTH SP MESSAGE", again and again. How many there were; what is no frame is malformed.
size_t FrameServer::take_frames(std::string& bytes) {
  size_t count = 0;
  for (;;) {
    const size_t blank = bytes.find(' ');
    if (blank == std::string::npos) return count;
    size_t length = 0;
    for (const char c : bytes.substr(0, blank)) {
      if (c < '0' || c > '9' || length > 1'000'000) malformed_ = true;
      length = length * 10 + static_cast<size_t>(c - '0');
    }
    if (malformed_ || bytes.size() < blank + 1 + length) return count;
    const std::lock_guard lock(mutex_);
    messages_.push_back(bytes.substr(blank + 1, length));
    bytes.erase(0, blank + 1 + length);
    ++count;
  }
}

void FrameServer::serve(int fd) {
  const Tls tls(options_, fd);
  if (tls.ssl != nullptr && SSL_accept(tls.ssl) != 1) return;
  std::string bytes;
  std::array<char, 2048> chunk;
  for (size_t frames = 0; !stop_;) {
    pollfd ready{fd, POLLIN, 0};
    const bool more = tls.ssl != nullptr && SSL_pending(tls.ssl) > 0;
    if (!more && ::poll(&ready, 1, kLookMs) <= 0) {
      if (!end_connection_) continue;
      if (tls.ssl != nullptr) SSL_shutdown(tls.ssl);
      return;
    }
    if (options_.pause_ms > 0) ::usleep(static_cast<useconds_t>(options_.pause_ms) * 1'000);
    const ssize_t n = tls.ssl != nullptr ? SSL_read(tls.ssl, chunk.data(), static_cast<int>(chunk.size()))
                                         : ::read(fd, chunk.data(), chunk.size());
    if (n <= 0) return;
    bytes.append(chunk.data(), static_cast<size_t>(n));
    frames += take_frames(bytes);
    if (options_.reset_after > 0 && frames >= options_.reset_after && resets_left_ > 0) {
      --resets_left_;
      return reset(fd);
    }
  }
}

}  // namespace tiercel::siem::test
