#include <doctest/doctest.h>

#include <atomic>
#include <fstream>
#include <mutex>
#include <string>
#include <vector>

#include "runtime_support.h"
#include "siem/http/http_sink.h"
#include "siem_support.h"

using namespace tiercel;
using namespace tiercel::siem;
using namespace tiercel::siem::test;
using alert::Lane;
using alert::Priority;
using runtime::test::Connection;
using runtime::test::FakeServer;
using Kind = Attempt::Result;
using Texts = std::vector<std::string>;

namespace {

struct Asked {
  std::string head, body;
};

Asked read_request(Connection& connection) {
  Asked asked;
  asked.head = connection.read_until("\r\n\r\n");
  const size_t at = asked.head.find("Content-Length: ");
  if (at != std::string::npos) asked.body = connection.read(std::stoul(asked.head.substr(at + 16)));
  return asked;
}

// Answers each request on a connection with the next of these, the last one again and again.
class Answering {
 public:
  explicit Answering(Texts answers) : answers_(std::move(answers)) {}
  void operator()(Connection& connection) {
    for (;;) {
      Asked asked = read_request(connection);
      if (asked.head.empty()) return;
      std::string answer;
      {
        const std::lock_guard lock(mutex_);
        asked_.push_back(asked);
        answer = answers_[std::min(asked_.size(), answers_.size()) - 1];
      }
      if (answer == "hang") return connection.wait_for_end();
      if (!connection.write(answer) || answer.find("\r\n\r\n") == std::string::npos) return;
    }
  }
  std::vector<Asked> asked() {
    const std::lock_guard lock(mutex_);
    return asked_;
  }

 private:
  Texts answers_;
  std::mutex mutex_;
  std::vector<Asked> asked_;
};

std::string status(int code, const std::string& headers = {}) {
  return "HTTP/1.1 " + std::to_string(code) + " X\r\nContent-Length: 0\r\n" + headers + "\r\n";
}

HttpOptions options_to(const FakeServer& server) {
  HttpOptions options;
  options.url = server.url() + "/SECRET?token=SECRET";
  return options;
}

}  // namespace

TEST_CASE("http_output: each alert is a POST of Falco's line, on one connection, criticals first") {
  Answering answering({status(200)});
  FakeServer server([&](Connection& connection) { answering(connection); });
  const FakeClock clock;
  HttpOptions options = options_to(server);
  options.headers = {{"Authorization", "Bearer t"}, {"User-Agent", "mine"}};
  auto service = make_http_service(options, clock);
  CHECK(service->due_ns() == Service::kNever);
  service->take({Lane::kRest, 1}, make_alert(Priority::kError, "rest 1"), 0);
  service->take({Lane::kRest, 2}, make_alert(Priority::kError, "rest 2"), 0);
  service->take({Lane::kCritical, 3}, make_alert(Priority::kCritical, "critical"), 0);
  std::vector<uint64_t> settled;
  while (service->due_ns() == 0) {
    const Attempt attempt = service->send(0);
    CHECK(attempt.answer == "HTTP 200");
    REQUIRE(attempt.result == Kind::kTaken);
    REQUIRE(attempt.settled.size() == 1);
    settled.push_back(attempt.settled[0].seq);
  }
  CHECK(settled == std::vector<uint64_t>{3, 1, 2});
  const auto asked = answering.asked();
  REQUIRE(asked.size() == 3);
  CHECK(asked[0].body == make_alert(Priority::kCritical, "critical")->falco_json);
  CHECK(asked[1].body == make_alert(Priority::kError, "rest 1")->falco_json);
  CHECK(asked[0].head.starts_with("POST /SECRET?token=SECRET HTTP/1.1\r\n"));
  CHECK(asked[0].head.find("content-type: application/json; charset=utf-8\r\n") != std::string::npos);
  CHECK(asked[0].head.find("authorization: Bearer t\r\n") != std::string::npos);
  CHECK(asked[0].head.find("user-agent: mine\r\n") != std::string::npos);
  CHECK(asked[0].head.find("user-agent: tiercel") == std::string::npos);
  CHECK(server.connections() == 1);
}

TEST_CASE("http_output: what each answer means") {
  struct Case {
    int status;
    Kind result;
    int retry_after_ms;
  };
  const FakeClock clock;
  for (const Case& each : std::vector<Case>{{200, Kind::kTaken, 0},
                                            {201, Kind::kTaken, 0},
                                            {204, Kind::kTaken, 0},
                                            {301, Kind::kRetry, 9'000},
                                            {307, Kind::kRetry, 9'000},
                                            {400, Kind::kRefused, 0},
                                            {401, Kind::kRetry, 9'000},
                                            {403, Kind::kRefused, 0},
                                            {404, Kind::kRetry, 9'000},
                                            {408, Kind::kRetry, 9'000},
                                            {410, Kind::kRetry, 9'000},
                                            {413, Kind::kRefused, 0},
                                            {429, Kind::kRetry, 9'000},
                                            {500, Kind::kRetry, 9'000},
                                            {503, Kind::kRetry, 9'000}}) {
    Answering answering({status(each.status, "Retry-After: 9\r\nLocation: http://127.0.0.1:1/\r\n")});
    FakeServer server([&](Connection& connection) { answering(connection); });
    auto service = make_http_service(options_to(server), clock);
    service->take({Lane::kRest, 1}, make_alert(Priority::kError, "it"), 0);
    const Attempt attempt = service->send(0);
    INFO(each.status);
    CHECK(attempt.result == each.result);
    CHECK(attempt.retry_after_ms == each.retry_after_ms);
    CHECK(attempt.settled.size() == (each.result == Kind::kRetry ? 0 : 1));
    CHECK(service->due_ns() == (each.result == Kind::kRetry ? 0 : Service::kNever));
    CHECK(attempt.answer.starts_with("HTTP " + std::to_string(each.status)));
    if (each.status / 100 == 3) CHECK(attempt.answer.find("redirects, which is not followed") != std::string::npos);
    CHECK(attempt.answer.find("SECRET") == std::string::npos);
  }
}

TEST_CASE("http_output: a server that gives trouble gets the alert when it is well, and no text shows the URL") {
  const std::string huge = "HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n" + std::string(1 << 20, 'x');
  struct Case {
    std::string trouble;
    int timeout_ms;
  };
  for (const Case& each : std::vector<Case>{{"hang", 20},
                                            {"", kGenerousMs},
                                            {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", 20},
                                            {"SSH-2.0-OpenSSH_9.2\r\n", kGenerousMs},
                                            {std::string(100'000, '\x01'), kGenerousMs},
                                            {status(500), kGenerousMs},
                                            {status(302, "Location: http://127.0.0.1:1/\r\n"), kGenerousMs}}) {
    Answering answering({each.trouble, status(200)});
    FakeServer server([&](Connection& connection) { answering(connection); });
    HttpOptions options = options_to(server);
    options.timeout_ms = each.timeout_ms;
    const FakeClock clock;
    auto service = make_http_service(options, clock);
    service->take({Lane::kRest, 1}, make_alert(Priority::kError, "it"), 0);
    Attempt attempt = service->send(0);
    INFO(each.trouble.substr(0, 40), ": ", attempt.answer);
    CHECK(attempt.result == Kind::kRetry);
    CHECK_FALSE(attempt.answer.empty());
    CHECK(attempt.answer.find("SECRET") == std::string::npos);
    for (int i = 0; i < 100 && attempt.result == Kind::kRetry; ++i) attempt = service->send(0);
    CHECK(attempt.result == Kind::kTaken);
  }
  SUBCASE("an answer without an end says what its first line says") {
    Answering answering({huge});
    FakeServer server([&](Connection& connection) { answering(connection); });
    const FakeClock clock;
    auto service = make_http_service(options_to(server), clock);
    service->take({Lane::kRest, 1}, make_alert(Priority::kError, "it"), 0);
    CHECK(service->send(0).result == Kind::kTaken);
    CHECK(answering.asked().size() == 1);
  }
}

TEST_CASE("http_output: the URL's file is read for each attempt") {
  const TempDir dir;
  Answering answering({status(200)});
  FakeServer server([&](Connection& connection) { answering(connection); });
  HttpOptions options;
  options.url_file = dir / "url";
  const FakeClock clock;
  auto service = make_http_service(options, clock);
  service->take({Lane::kRest, 1}, make_alert(Priority::kError, "it"), 0);
  CHECK(service->send(0).answer.find(dir / "url") != std::string::npos);
  std::ofstream(dir / "url") << "\n";
  CHECK(service->send(0).answer == dir / "url" + " has no URL on its first line");
  std::ofstream(dir / "url") << server.url() << "/a\nmore\n";
  CHECK(service->send(0).result == Kind::kTaken);
}

TEST_CASE("http_output: stop() ends a request that hangs") {
  std::atomic<bool> asked{false};
  FakeServer server([&](Connection& connection) {
    asked = !read_request(connection).head.empty();
    connection.wait_for_end();
  });
  Metrics metrics;
  alert::Reports reports(metrics);
  const SystemClock clock;
  auto spool = make_memory_spool({}, metrics);
  HttpOptions options = options_to(server);
  options.timeout_ms = 3'600'000;
  auto sink = make_http_sink(*spool, options, metrics, clock, reports);
  REQUIRE(spool->open());
  REQUIRE(sink->start());
  spool->append(make_alert(Priority::kError, "it"));
  for (int i = 0; i < kGenerousMs && !asked; ++i) ::usleep(1'000);
  CHECK(asked);
  sink->stop(10);
  spool->close();
  CHECK(spool->waiting()[0].rows == 1);
}
