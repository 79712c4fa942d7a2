#include "siem/slack/service.h"

#include <doctest/doctest.h>

#include <deque>

#include "siem_support.h"

using namespace tiercel;
using namespace tiercel::slack;
using siem::Attempt;
using siem::test::TempDir;
using Kind = Answer::Kind;

namespace {

const std::string kUrl = "https://hooks.slack.com/services/T0/B0/verysecret";

http::Response response(int status, const std::string& body, const std::string& retry_after = "") {
  http::Response made;
  made.status = status;
  made.body = body;
  if (!retry_after.empty()) made.headers.emplace_back("retry-after", retry_after);
  return made;
}

SlackOptions with_url() {
  SlackOptions options;
  options.webhook_url = kUrl;
  return options;
}

struct Bench {
  explicit Bench(SlackOptions options = with_url())
      : service(
            std::move(options), clock,
            [this](const http::Request& request) -> tl::expected<http::Response, http::Failure> {
              requests.push_back(request);
              http::Response say = response(200, "ok");
              if (!answers.empty()) {
                say = answers.front();
                answers.pop_front();
              }
              if (say.status != 0) return say;
              http::Failure failure;
              failure.message = say.body;
              return tl::unexpected<http::Failure>(failure);
            },
            [] {}) {}
  Attempt send() { return service.send(clock.monotonic_ns()); }
  void take() {
    service.take({alert::Lane::kCritical, ++seq}, siem::test::make_alert(alert::Priority::kCritical, "text"),
                 clock.monotonic_ns());
  }
  FakeClock clock;
  std::vector<http::Request> requests;
  std::deque<http::Response> answers;
  uint64_t seq = 0;
  SlackService service;
};

Kind kind_of(int status, const std::string& body) {
  return answer_of(response(status, body), 0).kind;
}

}  // namespace

TEST_CASE("Slack: what its answers mean") {
  CHECK(kind_of(200, "ok") == Kind::kTaken);
  CHECK(kind_of(200, "ok\n") == Kind::kTaken);
  CHECK(kind_of(200, "<html>sign in</html>") == Kind::kMend);
  CHECK(kind_of(302, "") == Kind::kMend);
  for (const char* word : {"invalid_payload", "invalid_blocks", "too_many_attachments", "no_text", "anything_else"})
    CHECK(kind_of(400, word) == Kind::kNotThisForm);
  CHECK(kind_of(413, "") == Kind::kNotThisForm);
  for (const char* word : {"user_not_found", "no_active_hooks"}) CHECK(kind_of(400, word) == Kind::kMend);
  CHECK(kind_of(403, "action_prohibited") == Kind::kMend);
  CHECK(kind_of(403, "invalid_token") == Kind::kMend);
  CHECK(kind_of(404, "no_service") == Kind::kMend);
  CHECK(kind_of(404, "<html>") == Kind::kMend);
  CHECK(kind_of(410, "channel_is_archived") == Kind::kMend);
  for (const int status : {408, 429, 500, 502, 503}) CHECK(kind_of(status, "invalid_blocks") == Kind::kLater);
  CHECK(answer_of(response(429, "rate_limited", "30"), 0).retry_after_ms == 30'000);
  CHECK(answer_of(response(410, "channel_is_archived"), 0).words ==
        "HTTP 410 channel_is_archived: unarchive the channel, or configure the webhook of another one");
  CHECK(answer_of(response(500, "<b>\x1b[31m"), 0).words == "HTTP 500");  // of unknown words none is repeated
}

TEST_CASE("Slack: a message taken settles its rows, one that has to wait settles none") {
  Bench bench;
  bench.take();
  bench.answers = {response(429, "rate_limited", "7"), response(503, ""), response(0, "no connection")};
  Attempt attempt = bench.send();
  CHECK(attempt.result == Attempt::Result::kRetry);
  CHECK(attempt.retry_after_ms == 7'000);
  CHECK(attempt.settled.empty());
  CHECK(bench.send().result == Attempt::Result::kRetry);
  CHECK(bench.send().answer == "no connection");
  bench.take();  // what came meanwhile goes along
  attempt = bench.send();
  CHECK(attempt.result == Attempt::Result::kTaken);
  CHECK(attempt.settled.size() == 2);
  CHECK(attempt.answer == "HTTP 200 ok");
  CHECK(bench.service.due_ns() == siem::Service::kNever);
}

TEST_CASE("Slack: blocks that are not taken go once more as plain text, then they are refused with the reason") {
  Bench bench;
  bench.take();
  bench.answers = {response(400, "invalid_blocks"), response(200, "ok")};
  Attempt attempt = bench.send();
  CHECK(attempt.result == Attempt::Result::kRetry);
  CHECK(attempt.retry_after_ms >= 1'000);
  CHECK(bench.send().result == Attempt::Result::kTaken);
  CHECK(bench.requests[1].body.find("\"blocks\"") == std::string::npos);
  CHECK(bench.requests[1].body.find("R") != std::string::npos);

  bench.clock.advance_ms(120'000);
  bench.take();
  bench.answers = {response(400, "invalid_blocks"), response(404, "no_service"), response(400, "invalid_payload")};
  CHECK(bench.send().result == Attempt::Result::kRetry);
  CHECK(bench.send().result == Attempt::Result::kRetry);  // a webhook that is gone is no word about the text
  attempt = bench.send();
  CHECK(attempt.result == Attempt::Result::kRefused);
  CHECK(attempt.settled.size() == 1);
  CHECK(attempt.answer == "HTTP 400 invalid_payload");
  bench.take();
  bench.send();
  CHECK(bench.requests.back().body.find("\"blocks\"") != std::string::npos);  // with blocks again
}

TEST_CASE("Slack: the URL may come from a file that is mended meanwhile, and no error shows it") {
  const TempDir folder;
  SlackOptions options;
  options.webhook_url_file = folder / "url";
  Bench bench(options);
  bench.take();
  CHECK(bench.send().answer.find("url") != std::string::npos);
  std::ofstream(folder / "url") << "http://hooks.slack.com/services/verysecret\n";
  CHECK(bench.send().answer == "the webhook's URL has to be https: over http anybody on the way reads it");
  CHECK(bench.requests.empty());
  std::ofstream(folder / "url") << kUrl << "\nsecond line";
  CHECK(bench.send().result == Attempt::Result::kTaken);
  CHECK(bench.requests.at(0).url == kUrl);
}

TEST_CASE("Slack: which URLs are a webhook's") {
  for (const char* good : {"https://hooks.slack.com/services/T/B/x", "https://mattermost.example:8443/hooks/x",
                           "http://127.0.0.1:8080/x", "http://localhost/x", "http://[::1]:80/x"})
    CHECK_MESSAGE(check_webhook_url(good), good);
  for (const char* bad :
       {"", "hooks.slack.com/services/verysecret", "ftp://verysecret/", "http://127.0.0.1.evil.example/verysecret",
        "http://hooks.slack.com/verysecret", "https:///verysecret", "https://user:verysecret@host/",
        "https://host/very secret", "https://host/verysecret\n", "http://localhost@evil/verysecret"}) {
    const auto checked = check_webhook_url(bad);
    REQUIRE_MESSAGE(!checked, bad);
    CHECK(checked.error().message.find("verysecret") == std::string::npos);
  }
}
