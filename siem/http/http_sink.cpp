#include "siem/http/http_sink.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <deque>
#include <string_view>

#include "agent/base/fd.h"
#include "agent/http/client.h"

namespace tiercel::siem {
namespace {

using alert::Lane;

constexpr size_t kHeldRowsMax = 64;  // one goes at a time: more would only be in memory twice
constexpr size_t kUrlFileMax = 4'096;
constexpr size_t kAnswerBytesMax = 64u << 10;  // nobody reads it

class HttpService final : public Service {
 public:
  HttpService(HttpOptions options, const Clock& clock) : options_(std::move(options)), clock_(clock) {}

  void take(RowId id, const alert::AlertPtr& alert, uint64_t /*now_ns*/) override {
    queue(id.lane).push_back({id, alert});
  }
  [[nodiscard]] uint64_t due_ns() const override { return queues_[0].empty() && queues_[1].empty() ? kNever : 0; }
  Attempt send(uint64_t now_ns) override;
  void stop() override { client_.stop(); }

 private:
  struct Item {
    RowId id;
    alert::AlertPtr alert;
  };
  std::deque<Item>& queue(Lane lane) { return queues_[static_cast<size_t>(lane)]; }
  [[nodiscard]] Result<std::string> url() const;
  [[nodiscard]] http::Request request_with(const std::string& url, const alert::Alert& alert) const;

  const HttpOptions options_;
  const Clock& clock_;
  http::Client client_;
  std::array<std::deque<Item>, 2> queues_;
};

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

// Is it the destination, or the password, that is wrong, and not this alert?
bool about_the_destination(int status) {
  return status < 400 || status == 401 || status == 404 || status == 407 || status == 410;
}

Attempt attempt_of(const http::Response& response, RowId id, uint64_t realtime_ns) {
  const int status = response.status;
  Attempt attempt;
  attempt.answer = fmt::format("HTTP {}", status);
  if (status >= 200 && status < 300) {
    attempt.result = Attempt::Result::kTaken;
    attempt.settled = {id};
    return attempt;
  }
  if (status >= 300 && status < 400)
    attempt.answer += ": it redirects, which is not followed: configure the URL itself";
  if (status == 401 || status == 407) attempt.answer += ": it wants a password or token that is right";
  if (status == 404 || status == 410) attempt.answer += ": nothing takes alerts at this URL";
  if (status >= 500 || status == 408 || status == 429 || about_the_destination(status)) {
    attempt.retry_after_ms = http::retry_after_ms(response.headers, realtime_ns);
    return attempt;
  }
  attempt.result = Attempt::Result::kRefused;
  attempt.settled = {id};
  return attempt;
}

Result<std::string> HttpService::url() const {
  if (options_.url_file.empty()) return options_.url;
  auto text = read_file(options_.url_file, kUrlFileMax);
  if (!text) return text;
  std::string first = text->substr(0, text->find_first_of("\r\n"));
  if (first.empty()) return fail(options_.url_file + " has no URL on its first line", Fault::kUser);
  return first;
}

http::Request HttpService::request_with(const std::string& url, const alert::Alert& alert) const {
  http::Request request;
  request.method = "POST";
  request.url = url;
  request.headers = {{"content-type", "application/json; charset=utf-8"}, {"user-agent", "tiercel"}};
  for (const auto& [name, value] : options_.headers) {
    const std::string key = lower(name);
    std::erase_if(request.headers, [&](const auto& header) { return header.first == key; });
    request.headers.emplace_back(key, value);
  }
  request.body = alert.falco_json;
  request.ca_file = options_.ca_file;
  request.client_certificate = options_.client_certificate;
  request.client_key = options_.client_key;
  request.timeout_ms = options_.timeout_ms;
  request.body_size_max = kAnswerBytesMax;
  request.keep_connection = true;
  return request;
}

Attempt HttpService::send(uint64_t /*now_ns*/) {
  const Lane lane = queue(Lane::kCritical).empty() ? Lane::kRest : Lane::kCritical;
  std::deque<Item>& items = queue(lane);
  if (items.empty()) return {};
  const auto where = url();
  if (!where) return {.answer = where.error().message};
  auto response = client_.send(request_with(*where, *items.front().alert));
  if (!response) {
    const http::Failure& failure = response.error();
    if (failure.kind != http::Failure::Kind::kTooLarge || failure.status == 0) return {.answer = failure.message};
    const int status = failure.status;  // whatever more it says
    response = http::Response{};
    response->status = status;
  }
  Attempt attempt = attempt_of(*response, items.front().id, clock_.realtime_ns());
  if (!attempt.settled.empty()) items.pop_front();
  return attempt;
}

}  // namespace

std::unique_ptr<Service> make_http_service(HttpOptions options, const Clock& clock) {
  return std::make_unique<HttpService>(std::move(options), clock);
}

std::unique_ptr<Forwarder> make_http_sink(Spool& spool, HttpOptions options, Metrics& metrics, const Clock& clock,
                                          alert::Reports& reports) {
  ForwarderOptions forwarder;
  forwarder.name = options.name;
  forwarder.least_priority = options.least_priority;
  forwarder.condition = options.condition;
  forwarder.parts = kFalcoJson;
  forwarder.held_rows_max = kHeldRowsMax;
  forwarder.retry_ms_min = options.retry_ms_min;
  forwarder.retry_ms_max = options.retry_ms_max;
  return make_forwarder(spool, std::move(forwarder), make_http_service(std::move(options), clock), metrics, clock,
                        reports);
}

}  // namespace tiercel::siem
