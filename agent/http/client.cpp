#include "agent/http/client.h"

#include <curl/curl.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>

#include "agent/http/protocols.h"

namespace tiercel::http {
namespace {

using Kind = Failure::Kind;

constexpr long kHeldConnectionsMax = 2;

tl::unexpected<Failure> failed(Kind kind, std::string message) {
  Failure failure;
  failure.kind = kind;
  failure.message = std::move(message);
  return tl::unexpected<Failure>(std::move(failure));
}

void initialise_once() {
  static std::once_flag once;
  std::call_once(once, [] { ::curl_global_init(CURL_GLOBAL_DEFAULT); });
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

// Collects what comes. Lines of headers after the final answer's empty line are trailers.
struct Incoming {
  const Request& request;
  Response response;
  size_t headers_size = 0;
  bool interim = true;  // 1xx: another head follows
  bool headers_done = false;
  bool too_large = false;

  bool take_header(std::string_view line) {
    headers_size += line.size();
    if (headers_size > request.headers_size_max) {
      too_large = true;
      return false;
    }
    if (!headers_done && line.starts_with("HTTP/")) {
      response.headers.clear();  // those of an interim answer are nobody's
      const size_t blank = line.find(' ');
      interim = blank != std::string_view::npos && line.substr(blank + 1).starts_with('1');
      return true;
    }
    const std::string_view text = trimmed(line);
    if (text.empty()) {
      headers_done = headers_done || !interim;
      return true;
    }
    const size_t colon = text.find(':');
    if (colon == std::string_view::npos || colon == 0) return true;
    (headers_done ? response.trailers : response.headers)
        .emplace_back(lower(text.substr(0, colon)), trimmed(text.substr(colon + 1)));
    return true;
  }

  bool take_body(std::string_view bytes) {
    headers_done = true;
    if (bytes.size() > request.body_size_max - response.body.size()) {
      too_large = true;
      return false;
    }
    response.body.append(bytes);
    return true;
  }
};

size_t on_header(char* data, size_t size, size_t count, void* incoming) {
  return static_cast<Incoming*>(incoming)->take_header({data, size * count}) ? size * count : 0;
}

size_t on_body(char* data, size_t size, size_t count, void* incoming) {
  return static_cast<Incoming*>(incoming)->take_body({data, size * count}) ? size * count : 0;
}

struct ListDeleter {
  void operator()(curl_slist* list) const { ::curl_slist_free_all(list); }
};
using List = std::unique_ptr<curl_slist, ListDeleter>;

// Nothing: one of them would be more than one line.
std::optional<List> header_list(const Request& request) {
  Headers headers = request.headers;
  if (request.sign.key_id.empty())
    headers.insert(headers.begin(), {"Expect", ""});  // a body is never held back
  else if (!request.sign.token.empty())
    headers.emplace_back("x-amz-security-token", request.sign.token);
  List list;
  for (const auto& [name, value] : headers) {
    const std::string line = value.empty() ? name + ":" : name + ": " + value;
    if (line.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) return std::nullopt;
    curl_slist* longer = ::curl_slist_append(list.get(), line.c_str());
    if (longer == nullptr) return std::nullopt;
    (void)list.release();
    list.reset(longer);
  }
  return list;
}

// No text of libcurl's has the secret or the token in it: they are no part of the URL.
void set_up_sign(CURL* easy, const Sign& sign) {
  const std::string provider = "aws:amz:" + sign.region + ":" + sign.service;
  ::curl_easy_setopt(easy, CURLOPT_AWS_SIGV4, provider.c_str());
  ::curl_easy_setopt(easy, CURLOPT_USERNAME, sign.key_id.c_str());
  ::curl_easy_setopt(easy, CURLOPT_PASSWORD, sign.secret.c_str());
  // libcurl before 8.3 signs an "Expect:" that takes the header away (its issue 11664), so it stays, and nobody waits.
  ::curl_easy_setopt(easy, CURLOPT_EXPECT_100_TIMEOUT_MS, 1L);
}

Kind kind_of(CURLcode code) {
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      return Kind::kTimeout;
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
      return Kind::kUnreachable;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_OUT_OF_MEMORY:
      return Kind::kRequest;
    default:
      return Kind::kBroken;
  }
}

void set_up(CURL* easy, const Request& request, Incoming& incoming, curl_slist* headers, char* error) {
  ::curl_easy_reset(easy);
  ::curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);  // signals belong to the process
  ::curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error);
  ::curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str());
  ::curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  ::curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  ::curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);  // the end does not wait for a name service
  ::curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout_ms));
  ::curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request.timeout_ms));
  ::curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
  ::curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
  ::curl_easy_setopt(easy, CURLOPT_HEADERDATA, &incoming);
  ::curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
  ::curl_easy_setopt(easy, CURLOPT_WRITEDATA, &incoming);
  ::curl_easy_setopt(
      easy, CURLOPT_HTTP_VERSION,
      static_cast<long>(request.http2_prior_knowledge ? CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE : CURL_HTTP_VERSION_2TLS));
  if (!request.unix_socket.empty()) {
    ::curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, request.unix_socket.c_str());
    ::curl_easy_setopt(easy, CURLOPT_PROXY, "");  // whatever the environment says
  }
  if (request.direct) ::curl_easy_setopt(easy, CURLOPT_PROXY, "");
  if (!request.sign.key_id.empty()) set_up_sign(easy, request.sign);
  if (!request.ca_file.empty()) ::curl_easy_setopt(easy, CURLOPT_CAINFO, request.ca_file.c_str());
  if (!request.client_certificate.empty()) {
    ::curl_easy_setopt(easy, CURLOPT_SSLCERT, request.client_certificate.c_str());
    ::curl_easy_setopt(easy, CURLOPT_SSLKEY, request.client_key.c_str());
  }
  if (!request.keep_connection) {
    ::curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    ::curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
  }
  if (request.method == "HEAD") {
    ::curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
  } else if (!request.body.empty() || request.method == "POST") {
    ::curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    ::curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request.body.c_str());
  }
  if (request.method != "HEAD") ::curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
}

}  // namespace

const std::string* find(const Headers& headers, std::string_view name) {
  const auto it =
      std::find_if(headers.begin(), headers.end(), [&](const auto& header) { return header.first == name; });
  return it == headers.end() ? nullptr : &it->second;
}

int retry_after_ms(const Headers& headers, uint64_t realtime_ns) {
  constexpr int64_t kMostS = 3'600;
  const std::string* value = find(headers, "retry-after");
  if (value == nullptr || value->empty()) return 0;
  int64_t seconds = 0;
  if (value->find_first_not_of("0123456789") == std::string::npos) {
    seconds = value->size() > 9 ? kMostS : std::stoll(*value);
  } else {
    const time_t at_s = ::curl_getdate(value->c_str(), nullptr);
    if (at_s < 0) return 0;
    seconds = int64_t{at_s} - static_cast<int64_t>(realtime_ns / 1'000'000'000);
  }
  return static_cast<int>(std::clamp<int64_t>(seconds, 0, kMostS) * 1'000);
}

std::string origin_of(const std::string& url) {
  const std::unique_ptr<CURLU, decltype(&::curl_url_cleanup)> parsed(::curl_url(), &::curl_url_cleanup);
  if (!parsed || ::curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK)
    return "the URL";
  std::string out;
  for (const auto& [part, before] : {std::pair{CURLUPART_SCHEME, ""}, {CURLUPART_HOST, "://"}, {CURLUPART_PORT, ":"}}) {
    char* text = nullptr;
    if (::curl_url_get(parsed.get(), part, &text, 0) == CURLUE_OK && text != nullptr) out += std::string(before) + text;
    ::curl_free(text);
  }
  return out;
}

struct Client::Impl {
  CURLM* multi = nullptr;
  CURL* easy = nullptr;
  std::atomic<bool> stopped{false};

  // Until the exchange ends or stop() comes; the multi interface because only its wait can be woken.
  CURLcode run() {
    int running = 1;
    while (running > 0) {
      if (stopped) return CURLE_ABORTED_BY_CALLBACK;
      if (::curl_multi_perform(multi, &running) != CURLM_OK) return CURLE_FAILED_INIT;
      if (running == 0) break;
      if (::curl_multi_poll(multi, nullptr, 0, 1'000, nullptr) != CURLM_OK) return CURLE_FAILED_INIT;
    }
    int left = 0;
    while (CURLMsg* message = ::curl_multi_info_read(multi, &left))
      if (message->msg == CURLMSG_DONE) return message->data.result;
    return CURLE_FAILED_INIT;
  }
};

Client::Client() : impl_(std::make_unique<Impl>()) {
  initialise_once();
  impl_->multi = ::curl_multi_init();
  impl_->easy = ::curl_easy_init();
  if (impl_->multi != nullptr) ::curl_multi_setopt(impl_->multi, CURLMOPT_MAXCONNECTS, kHeldConnectionsMax);
}

Client::~Client() {
  ::curl_easy_cleanup(impl_->easy);
  ::curl_multi_cleanup(impl_->multi);
}

tl::expected<Response, Failure> Client::send(const Request& request) {
  if (impl_->multi == nullptr || impl_->easy == nullptr) return failed(Kind::kRequest, "libcurl has no memory");
  const std::string where = request.unix_socket.empty() ? origin_of(request.url) : request.unix_socket;
  if (request.timeout_ms <= 0) return failed(Kind::kTimeout, "no time is left for " + where);
  const std::optional<List> headers = header_list(request);
  if (!headers) return failed(Kind::kRequest, "a header for " + where + " is not one line");

  Incoming incoming{request, {}};
  char error[CURL_ERROR_SIZE] = "";
  set_up(impl_->easy, request, incoming, headers->get(), error);
  if (!limit_protocols(impl_->easy)) {
    ::curl_easy_reset(impl_->easy);
    return failed(Kind::kRequest, "this libcurl cannot be limited to HTTP");
  }
  if (::curl_multi_add_handle(impl_->multi, impl_->easy) != CURLM_OK)
    return failed(Kind::kRequest, "libcurl does not take " + where);
  const CURLcode code = impl_->run();
  long status = 0;
  ::curl_easy_getinfo(impl_->easy, CURLINFO_RESPONSE_CODE, &status);
  ::curl_multi_remove_handle(impl_->multi, impl_->easy);
  ::curl_easy_reset(impl_->easy);  // it points to what ends here

  if (impl_->stopped) return failed(Kind::kStopped, "asking " + where + " was stopped");
  if (incoming.too_large) {
    auto failure = failed(Kind::kTooLarge, where + " answers with more than the limit");
    failure.value().status = static_cast<int>(status);
    return failure;
  }
  if (code != CURLE_OK)
    return failed(kind_of(code), where + ": " + (error[0] != '\0' ? error : ::curl_easy_strerror(code)));
  incoming.response.status = static_cast<int>(status);
  return std::move(incoming.response);
}

void Client::stop() {
  impl_->stopped = true;
  ::curl_multi_wakeup(impl_->multi);
}

}  // namespace tiercel::http
