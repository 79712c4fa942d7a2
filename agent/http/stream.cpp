#include "agent/http/stream.h"

#include <curl/curl.h>
#include <fmt/core.h>

#include <array>
#include <atomic>
#include <mutex>
#include <utility>

#include "agent/http/protocols.h"

namespace tiercel::http {
namespace {

void initialise_once() {
  static std::once_flag once;
  std::call_once(once, [] { ::curl_global_init(CURL_GLOBAL_DEFAULT); });
}

}  // namespace

struct Stream::Impl {
  explicit Impl(StreamOptions given) : options(std::move(given)) {}

  const StreamOptions options;
  CURLM* multi = nullptr;
  CURL* easy = nullptr;
  int fd = -1;  // libcurl's
  std::atomic<bool> stopped{false};
  std::array<char, CURL_ERROR_SIZE> error{};

  void set_up();
  CURLcode run();
};

void Stream::Impl::set_up() {
  const bool bracket = options.host.find(':') != std::string::npos;
  const std::string url = fmt::format("{}://{}{}{}:{}/", options.tls ? "https" : "http", bracket ? "[" : "",
                                      options.host, bracket ? "]" : "", options.port);
  ::curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
  ::curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
  ::curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  ::curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error.data());
  ::curl_easy_setopt(easy, CURLOPT_PROXY, "");
  ::curl_easy_setopt(easy, CURLOPT_SSL_ENABLE_ALPN, 0L);  // it is not HTTP
  ::curl_easy_setopt(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  ::curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
  ::curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  ::curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(options.timeout_ms));
  ::curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.timeout_ms));
  if (!options.ca_file.empty()) ::curl_easy_setopt(easy, CURLOPT_CAINFO, options.ca_file.c_str());
  if (!options.client_certificate.empty()) {
    const std::string& key = options.client_key.empty() ? options.client_certificate : options.client_key;
    ::curl_easy_setopt(easy, CURLOPT_SSLCERT, options.client_certificate.c_str());
    ::curl_easy_setopt(easy, CURLOPT_SSLKEY, key.c_str());
  }
}

CURLcode Stream::Impl::run() {
  for (int running = 1; running > 0;) {
    if (stopped) return CURLE_ABORTED_BY_CALLBACK;
    if (::curl_multi_perform(multi, &running) != CURLM_OK) return CURLE_FAILED_INIT;
    if (running > 0 && ::curl_multi_poll(multi, nullptr, 0, 1'000, nullptr) != CURLM_OK) return CURLE_FAILED_INIT;
  }
  int left = 0;
  while (CURLMsg* message = ::curl_multi_info_read(multi, &left))
    if (message->msg == CURLMSG_DONE) return message->data.result;
  return CURLE_FAILED_INIT;
}

Stream::Stream(StreamOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {
  initialise_once();
  impl_->multi = ::curl_multi_init();
}

Stream::~Stream() {
  close();
  ::curl_multi_cleanup(impl_->multi);
}

Result<> Stream::connect() {
  close();
  impl_->easy = ::curl_easy_init();
  if (impl_->multi == nullptr || impl_->easy == nullptr) return fail("libcurl has no memory");
  impl_->error[0] = '\0';
  impl_->set_up();
  if (!limit_protocols(impl_->easy)) {
    close();
    return fail("this libcurl cannot be limited to HTTP");
  }
  if (::curl_multi_add_handle(impl_->multi, impl_->easy) != CURLM_OK) return fail("libcurl does not take a connection");
  const CURLcode code = impl_->run();
  curl_socket_t fd = CURL_SOCKET_BAD;
  if (code == CURLE_OK) ::curl_easy_getinfo(impl_->easy, CURLINFO_ACTIVESOCKET, &fd);
  if (code == CURLE_OK && fd != CURL_SOCKET_BAD) {
    impl_->fd = fd;
    return {};
  }
  const std::string why = impl_->stopped            ? "it was stopped"
                          : impl_->error[0] != '\0' ? impl_->error.data()
                                                    : ::curl_easy_strerror(code);
  close();
  return fail(why);
}

void Stream::close() {
  impl_->fd = -1;
  if (impl_->easy == nullptr) return;
  if (impl_->multi != nullptr) ::curl_multi_remove_handle(impl_->multi, impl_->easy);  // and it closes the connection
  ::curl_easy_cleanup(std::exchange(impl_->easy, nullptr));
}

bool Stream::connected() const {
  return impl_->fd >= 0;
}

int Stream::fd() const {
  return impl_->fd;
}

Result<size_t> Stream::write(std::string_view bytes) {
  size_t sent = 0;
  const CURLcode code = ::curl_easy_send(impl_->easy, bytes.data(), bytes.size(), &sent);
  if (code == CURLE_AGAIN) return size_t{0};
  if (code != CURLE_OK) return fail(::curl_easy_strerror(code));
  return sent;
}

Stream::Peer Stream::peer() {
  std::array<char, 4096> bytes;
  for (;;) {
    size_t got = 0;
    const CURLcode code = ::curl_easy_recv(impl_->easy, bytes.data(), bytes.size(), &got);
    if (code == CURLE_AGAIN) return Peer::kOpen;
    if (code != CURLE_OK) return Peer::kBroken;
    if (got == 0) return Peer::kClosed;
  }
}

void Stream::stop() {
  impl_->stopped = true;
  if (impl_->multi != nullptr) ::curl_multi_wakeup(impl_->multi);
}

}  // namespace tiercel::http
