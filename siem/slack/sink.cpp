#include "siem/slack/sink.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "agent/base/fd.h"
#include "siem/slack/answer.h"
#include "siem/slack/message.h"
#include "siem/slack/service.h"

namespace tiercel::slack {
namespace {

using siem::Attempt;

constexpr size_t kUrlFileMax = 4'096;
constexpr size_t kAnswerBytesMax = 64u << 10;
// Folds hold no alerts but one a place, so many rows may wait for a window's end; folds.h says when it is cut short.
constexpr size_t kHeldRowsMax = 25'000;
constexpr size_t kHeldUnfoldedMax = 256;  // each of them an alert
constexpr int kPlainAfterMs = 1'050;

bool is_loopback(std::string_view host) {
  return host == "localhost" || host == "[::1]" ||
         (host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string_view::npos);
}

FoldOptions fold_options(const SlackOptions& options) {
  FoldOptions folds;
  folds.window_ns = options.fold_window_ms * 1'000'000;
  return folds;
}

}  // namespace

Result<> check_webhook_url(std::string_view url) {
  constexpr std::string_view kHttps = "https://", kHttp = "http://";
  const bool secure = url.starts_with(kHttps);
  if (!secure && !url.starts_with(kHttp))
    return fail("the webhook's URL has to begin with https:// (copy it whole from Slack's app settings)", Fault::kUser);
  url.remove_prefix(secure ? kHttps.size() : kHttp.size());
  if (std::any_of(url.begin(), url.end(), [](unsigned char c) { return c <= ' ' || c == 0x7f; }))
    return fail("the webhook's URL has a blank or a control character in it", Fault::kUser);
  std::string_view host = url.substr(0, url.find_first_of("/?#"));
  if (host.find('@') != std::string_view::npos)
    return fail("the webhook's URL names a user, which Slack's do not", Fault::kUser);
  if (const size_t colon = host.find_last_of(':'); colon != std::string_view::npos && !host.ends_with(']'))
    host = host.substr(0, colon);
  if (host.empty()) return fail("the webhook's URL names no host", Fault::kUser);
  if (!secure && !is_loopback(host))
    return fail("the webhook's URL has to be https: over http anybody on the way reads it", Fault::kUser);
  return {};
}

SlackService::SlackService(SlackOptions options, const Clock& clock, Post post, std::function<void()> stop)
    : options_(std::move(options)),
      clock_(clock),
      post_(std::move(post)),
      stop_(std::move(stop)),
      folds_(fold_options(options_)) {}

void SlackService::take(siem::RowId id, const alert::AlertPtr& alert, uint64_t now_ns) {
  folds_.take(id, alert, now_ns);
}

Result<std::string> SlackService::url() const {
  std::string url = options_.webhook_url;
  if (!options_.webhook_url_file.empty()) {
    auto text = read_file(options_.webhook_url_file, kUrlFileMax);
    if (!text) return text;
    url = text->substr(0, text->find_first_of("\r\n"));
    if (url.empty()) return fail(options_.webhook_url_file + " has no URL on its first line", Fault::kUser);
  }
  if (auto good = check_webhook_url(url); !good) return tl::unexpected<Error>(good.error());
  return url;
}

http::Request SlackService::request_with(std::string url, std::string body) const {
  http::Request request;
  request.method = "POST";
  request.url = std::move(url);
  request.headers = {{"content-type", "application/json; charset=utf-8"}, {"user-agent", "tiercel"}};
  request.body = std::move(body);
  request.ca_file = options_.ca_file;
  request.client_certificate = options_.client_certificate;
  request.client_key = options_.client_key;
  request.timeout_ms = options_.timeout_ms;
  request.body_size_max = kAnswerBytesMax;
  request.keep_connection = true;
  return request;
}

Answer SlackService::meaning_of(const tl::expected<http::Response, http::Failure>& response) const {
  if (response) return answer_of(*response, clock_.realtime_ns());
  const http::Failure& failure = response.error();
  if (failure.kind != http::Failure::Kind::kTooLarge || failure.status == 0)
    return {Answer::Kind::kLater, 0, failure.message};
  http::Response head;  // whatever more it says
  head.status = failure.status;
  return answer_of(head, clock_.realtime_ns());
}

Attempt SlackService::send(uint64_t now_ns) {
  const Folds::Batch batch = folds_.due(now_ns);
  if (batch.told.empty()) return {.result = Attempt::Result::kTaken, .answer = "nothing was due"};
  auto where = url();
  if (!where) return {.answer = where.error().message};
  const Grouping grouping = options_.fold_window_ms == 0 ? Grouping::kNone : Grouping::kByRule;
  const auto response =
      post_(request_with(*where, plain_next_ ? plain_message_of(batch.told) : message_of(batch.told, grouping)));
  folds_.requested(now_ns);
  const Answer answer = meaning_of(response);
  Attempt attempt;
  attempt.answer = answer.words;
  if (answer.kind == Answer::Kind::kNotThisForm && !plain_next_) {
    plain_next_ = true;  // not at once: that would be a second message in this second
    attempt.answer += "; next as plain text";
    attempt.retry_after_ms = kPlainAfterMs;
  } else if (answer.kind == Answer::Kind::kTaken || answer.kind == Answer::Kind::kNotThisForm) {
    const bool taken = answer.kind == Answer::Kind::kTaken;
    attempt.result = taken ? Attempt::Result::kTaken : Attempt::Result::kRefused;
    attempt.settled = batch.rows;
    folds_.settle(batch, now_ns, taken);
    plain_next_ = false;
  } else if (answer.kind == Answer::Kind::kLater) {
    attempt.retry_after_ms = answer.retry_after_ms;
  }
  return attempt;
}

std::unique_ptr<siem::Service> make_slack_service(SlackOptions options, const Clock& clock) {
  auto client = std::make_shared<http::Client>();
  return std::make_unique<SlackService>(
      std::move(options), clock, [client](const http::Request& request) { return client->send(request); },
      [client] { client->stop(); });
}

std::unique_ptr<siem::Forwarder> make_slack_sink(siem::Spool& spool, SlackOptions options, Metrics& metrics,
                                                 const Clock& clock, alert::Reports& reports) {
  siem::ForwarderOptions forwarder;
  forwarder.name = options.name;
  forwarder.least_priority = options.least_priority;
  forwarder.condition = options.condition;
  forwarder.parts = siem::kEventJson;
  forwarder.held_rows_max = options.fold_window_ms == 0 ? kHeldUnfoldedMax : kHeldRowsMax;
  forwarder.retry_ms_min = options.retry_ms_min;
  forwarder.retry_ms_max = options.retry_ms_max;
  return siem::make_forwarder(spool, std::move(forwarder), make_slack_service(std::move(options), clock), metrics,
                              clock, reports);
}

}  // namespace tiercel::slack
