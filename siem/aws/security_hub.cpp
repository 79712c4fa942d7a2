#include "siem/aws/security_hub.h"

#include <algorithm>
#include <charconv>
#include <random>

#include "agent/base/log.h"
#include "siem/aws/asff.h"
#include "siem/aws/hub_batch.h"
#include "siem/aws/hub_place.h"
#include "siem/aws/ocsf.h"

namespace tiercel::aws {
namespace {

using siem::Attempt;
using siem::RowId;
using Result_ = Attempt::Result;

// "Guidelines for using the BatchImportFindings API": per call, per batch, and 10 calls a second with a burst of 30.
constexpr size_t kFindingsMax = 100;
constexpr size_t kBatchSizeMax = 6'000'000;
constexpr uint64_t kCallNs = 100'000'000;
constexpr uint64_t kBurstNs = 29 * kCallNs;

constexpr uint64_t kGatherNs = 1'000'000'000;  // what is not critical waits so long for company
constexpr unsigned kAttemptsMax = 5;           // of one finding, where the service names it
constexpr int kTimeoutMs = 30'000;
constexpr int kThrottledMsMin = 500, kThrottledMsMax = 20'000;
constexpr int kRetryAfterMsMax = 300'000;
constexpr size_t kAnswerSizeMax = 4u << 20;

// What the signature is for, where a service of AWS takes OCSF: OpenSearch Ingestion, API Gateway, Lambda.
std::string service_of(const std::string& url) {
  if (url.find(".osis.") != std::string::npos) return "osis";
  if (url.find(".execute-api.") != std::string::npos) return "execute-api";
  if (url.find(".lambda-url.") != std::string::npos) return "lambda";
  return "securityhub";
}

std::string advice(const ServiceError& error, const Place& place) {
  if (error.code == "InvalidAccessException")
    return "Security Hub is not enabled in " + place.region + " for account " + place.account +
           " (aws securityhub enable-security-hub)";
  if (error.code.starts_with("AccessDenied"))
    return "the agent's role needs securityhub:BatchImportFindings on arn:" + place.partition +
           ":securityhub:" + place.region + ":" + place.account + ":product/" + place.account +
           "/default, in that account";
  if (error.code == "InvalidSignatureException" || error.code == "SignatureDoesNotMatch" ||
      error.code == "RequestTimeTooSkewed")
    return "the secret key is another one, or this host's clock is off by more than 5 minutes";
  if (is_expired(error.code)) return "the keys are not, or no longer, good";
  return {};
}

bool is_refusal(std::string_view code) {
  return code.starts_with("InvalidInput") || code.starts_with("InvalidParameter") || code.starts_with("Validation") ||
         code == "FindingTooLarge" || code == "InvalidFinding";
}

class HubService final : public siem::Service {
 public:
  HubService(SecurityHubOptions options, const Clock& clock)
      : options_(std::move(options)),
        clock_(clock),
        whereabouts_(
            options_, [this](const http::Request& request) { return ask(request); }, clock),
        random_(static_cast<uint32_t>(clock.realtime_ns())) {}

  void take(RowId id, const alert::AlertPtr& alert, uint64_t now_ns) override {
    batch_.add(id, read_finding(*alert), now_ns);
  }

  [[nodiscard]] uint64_t due_ns() const override {
    if (batch_.size() == 0) return kNever;
    const bool now = hurried_ || batch_.urgent() || batch_.size() >= findings_max_;
    const uint64_t wanted_ns = now ? 0 : batch_.entries().front().taken_ns + kGatherNs;
    return std::max({wanted_ns, next_call_ns_ - std::min(next_call_ns_, kBurstNs), not_before_ns_});
  }

  Attempt send(uint64_t now_ns) override {
    if (options_.format == SecurityHubOptions::Format::kOcsf && options_.endpoint.empty())
      return retry("format: ocsf needs an `endpoint`: Security Hub itself takes ASFF only");
    const auto place = whereabouts_.place();
    if (!place) return retry(place.error().message);
    Request request = compose(**place);
    if (request.ids.empty()) return {Result_::kTaken, {}, {}, 0, "nothing to send"};
    next_call_ns_ = std::max(next_call_ns_, now_ns) + kCallNs;
    for (int attempt = 0;; ++attempt) {
      auto signature = whereabouts_.sign(service_);
      if (!signature) return retry(signature.error().message);
      request.http.sign = std::move(*signature);
      const auto response = ask(request.http);
      if (!response) return retry(response.error().message);
      if (response->status / 100 == 2) return taken(request, *response, now_ns);
      const ServiceError error = read_error(*response);
      if (!is_expired(error.code) || attempt > 0) return failed(request, *response, error, **place);
      whereabouts_.forget_credentials();
    }
  }

  void hurry() override { hurried_ = true; }
  void stop() override { client_.stop(); }

 private:
  struct Request {
    http::Request http;
    std::vector<std::string> ids;
  };

  tl::expected<http::Response, http::Failure> ask(const http::Request& request) {
    if (!request.url.starts_with("https://")) return client_.send(request);
    http::Request with_trust = request;
    with_trust.ca_file = options_.ca_file.empty() ? options_.environment("AWS_CA_BUNDLE") : options_.ca_file;
    return client_.send(with_trust);
  }

  // As many as fit, the oldest first, critical ones before the others.
  Request compose(const Place& place) {
    const bool is_asff = options_.format == SecurityHubOptions::Format::kAsff;
    Request request;
    std::string& body = request.http.body;
    body = is_asff ? R"({"Findings":[)" : "[";
    const uint64_t now_ns = clock_.realtime_ns();
    for (const bool urgent : {true, false}) {
      for (const Batch::Entry& entry : batch_.entries()) {
        if (request.ids.size() >= findings_max_) break;
        if ((alert::lane_of(entry.finding.priority) == alert::Lane::kCritical) != urgent) continue;
        bool known = false;
        const Finding finding = batch_.whole(entry, known);
        const std::string text = is_asff ? asff(finding, place, now_ns, known) : ocsf(finding, place, now_ns, known);
        if (body.size() + text.size() + 3 > kBatchSizeMax) break;
        if (!request.ids.empty()) body += ',';
        body += text;
        request.ids.push_back(finding.id);
      }
    }
    body += is_asff ? "]}" : "]";
    request.http.method = "POST";
    request.http.url =
        options_.endpoint.empty() ? endpoint_of(options_.environment, "securityhub", place.region) : options_.endpoint;
    if (is_asff) request.http.url += request.http.url.ends_with('/') ? "findings/import" : "/findings/import";
    service_ = is_asff ? "securityhub" : service_of(request.http.url);
    request.http.headers = {{"content-type", "application/json"}};
    request.http.timeout_ms = kTimeoutMs;
    request.http.body_size_max = kAnswerSizeMax;
    request.http.keep_connection = true;
    request.http.client_certificate = options_.client_certificate;
    request.http.client_key = options_.client_key;
    return request;
  }

  Attempt taken(const Request& request, const http::Response& response, uint64_t now_ns) {
    throttled_ = 0;
    findings_max_ = kFindingsMax;
    Attempt attempt{Result_::kTaken, {}, {}, 0, "HTTP " + std::to_string(response.status)};
    ImportAnswer answer;
    if (options_.format == SecurityHubOptions::Format::kAsff) {
      auto read = read_import_answer(response.body);
      if (!read) return retry(request.http.url + ": " + read.error().message);
      answer = std::move(*read);
    }
    // Failures that the answer does not name may be any finding: all are sent again, which changes nothing twice.
    const bool all_named = static_cast<int64_t>(answer.failures.size()) == answer.failed;
    size_t taken_count = 0;
    for (const std::string& id : request.ids) {
      const auto failure = std::find_if(answer.failures.begin(), answer.failures.end(),
                                        [&](const FailedFinding& failed) { return failed.id == id; });
      if (failure == answer.failures.end() && all_named) {
        batch_.remove(id, true, attempt.settled);
        ++taken_count;
        continue;
      }
      const FailedFinding reason = failure == answer.failures.end() ? FailedFinding{id, "unnamed", ""} : *failure;
      refuse_or_keep(reason, attempt);
      if (is_throttling(reason.code)) not_before_ns_ = now_ns + static_cast<uint64_t>(throttled_ms()) * 1'000'000;
    }
    attempt.answer +=
        ": " + std::to_string(taken_count) + " of " + std::to_string(request.ids.size()) + " findings taken" + why_;
    why_.clear();
    if (attempt.settled.empty() && attempt.refused.empty()) attempt.result = Result_::kRetry;
    return attempt;
  }

  void refuse_or_keep(const FailedFinding& failure, Attempt& attempt) {
    Batch::Entry* entry = batch_.find(failure.id);
    if (entry == nullptr) return;
    if (why_.empty()) why_ = "; " + failure.code + ": " + failure.message;
    if (is_refusal(failure.code) || ++entry->attempts >= kAttemptsMax) {
      log::warning("Security Hub does not take the finding {}: {}: {}", failure.id, failure.code, failure.message);
      batch_.remove(failure.id, false, attempt.refused);
    } else {
      batch_.put_last(failure.id);
    }
  }

  Attempt failed(const Request& request, const http::Response& response, const ServiceError& error,
                 const Place& place) {
    std::string answer = "HTTP " + std::to_string(response.status) + " " + error.code;
    if (!error.message.empty()) answer += ": " + error.message;
    if (const std::string what_to_do = advice(error, place); !what_to_do.empty()) answer += ". " + what_to_do;
    if (response.status == 429 || is_throttling(error.code))
      return {Result_::kRetry, {}, {}, std::max(retry_after_ms(response), throttled_ms()), answer};
    // One finding that is wrong can make the service refuse all: they go alone then.
    const bool wrong =
        response.status == 413 || (response.status == 400 && !is_expired(error.code) && advice(error, place).empty());
    if (wrong && request.ids.size() > 1) {
      findings_max_ = request.ids.size() > 10 ? 10 : 1;
      return {Result_::kRetry, {}, {}, 100, answer};
    }
    if (wrong) {
      Attempt attempt{Result_::kRefused, {}, {}, 0, answer};
      log::warning("Security Hub does not take the finding {}: {}", request.ids.front(), answer);
      batch_.remove(request.ids.front(), false, attempt.settled);
      return attempt;
    }
    return {Result_::kRetry, {}, {}, retry_after_ms(response), answer};
  }

  static Attempt retry(std::string answer) { return {Result_::kRetry, {}, {}, 0, std::move(answer)}; }

  static int retry_after_ms(const http::Response& response) {
    const std::string* text = http::find(response.headers, "retry-after");
    int seconds = 0;
    if (text == nullptr) return 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), seconds);
    if (error != std::errc() || end != text->data() + text->size() || seconds <= 0) return 0;
    return std::min(seconds, kRetryAfterMsMax / 1000) * 1000;
  }

  // Doubles, with full jitter above the least.
  int throttled_ms() {
    const int most = std::min(kThrottledMsMax, kThrottledMsMin << std::min(throttled_, 6));
    ++throttled_;
    return kThrottledMsMin / 2 + static_cast<int>(random_() % static_cast<uint32_t>(most));
  }

  const SecurityHubOptions options_;
  const Clock& clock_;
  http::Client client_;
  Whereabouts whereabouts_;
  Batch batch_;
  std::minstd_rand random_;
  std::string service_, why_;
  size_t findings_max_ = kFindingsMax;
  uint64_t next_call_ns_ = 0, not_before_ns_ = 0;  // monotonic
  int throttled_ = 0;
  bool hurried_ = false;
};

}  // namespace

std::unique_ptr<siem::Service> make_security_hub_service(SecurityHubOptions options, const Clock& clock) {
  return std::make_unique<HubService>(std::move(options), clock);
}

std::unique_ptr<siem::Forwarder> make_security_hub_sink(siem::Spool& spool, SecurityHubOptions options,
                                                        Metrics& metrics, const Clock& clock, alert::Reports& reports) {
  siem::ForwarderOptions forwarder = options.forwarder;
  return siem::make_forwarder(spool, std::move(forwarder), make_security_hub_service(std::move(options), clock),
                              metrics, clock, reports);
}

}  // namespace tiercel::aws
