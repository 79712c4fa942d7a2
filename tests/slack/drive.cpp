// Drives the output slack for tests in another language.
//
//   slack_drive dry WINDOW_MS             without a network, on a clock that only the input moves. Prints a line for
//   each
//                                         request: "MS BODY"
//   slack_drive post URL WINDOW_MS WAIT_MS  with the forwarder, over HTTP. Waits until all is settled, WAIT_MS at most
//
// Standard input: lines "MS EVENT", EVENT a normalised event (decoders/ALERT.md). At the end: "end ..." with counts.
#include <rapidjson/document.h>

#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>

#include "agent/alert/report.h"
#include "siem/slack/service.h"
#include "siem/slack/sink.h"

namespace {

using namespace tiercel;
constexpr uint64_t kNsPerMs = 1'000'000;
constexpr uint64_t kEpochNs = 1'785'523'000'000'000'000;  // 2026-07-31

std::string text(const rapidjson::Value& object, const char* key) {
  const auto found = object.FindMember(key);
  return found != object.MemberEnd() && found->value.IsString() ? found->value.GetString() : "";
}

alert::AlertPtr alert_of(const std::string& json, uint64_t ms) {
  rapidjson::Document document;
  document.Parse(json.c_str());
  if (document.HasParseError() || !document.HasMember("tiercel")) std::abort();
  const rapidjson::Value& event = document["tiercel"];
  auto alert = std::make_shared<alert::Alert>();
  alert->id = text(event, "id");
  alert->rule = text(event, "rule");
  alert->source = text(event, "source");
  alert->message = text(event, "output");
  alert->priority = static_cast<Priority>(priority_number(text(event, "priority")).value_or(kPriorityDebug));
  alert->time_ns = kEpochNs + ms * kNsPerMs;
  alert->event_json = json;
  return alert;
}

bool next_line(uint64_t& ms, std::string& json) {
  std::string line;
  if (!std::getline(std::cin, line) || line.empty()) return false;
  size_t end = 0;
  ms = std::stoull(line, &end);
  json = line.substr(end + 1);
  return true;
}

// As the forwarder does it: whatever is due by then, in order.
void send_until(slack::SlackService& service, FakeClock& clock, uint64_t until_ns) {
  while (service.due_ns() <= until_ns) {
    if (const uint64_t due_ns = service.due_ns(); due_ns > clock.monotonic_ns())
      clock.advance_ns(due_ns - clock.monotonic_ns());
    service.send(clock.monotonic_ns());
  }
  if (until_ns > clock.monotonic_ns() && until_ns != siem::Service::kNever)
    clock.advance_ns(until_ns - clock.monotonic_ns());
}

int dry(uint64_t window_ms) {
  constexpr uint64_t kBeginNs = 1'000'000'000;
  FakeClock clock(kBeginNs);
  slack::SlackOptions options;
  options.webhook_url = "https://hooks.slack.com/services/T/B/x";
  options.fold_window_ms = window_ms;
  const auto post = [&](const http::Request& request) -> tl::expected<http::Response, http::Failure> {
    std::printf("%llu %s\n", static_cast<unsigned long long>((clock.monotonic_ns() - kBeginNs) / kNsPerMs),
                request.body.c_str());
    http::Response response;
    response.status = 200;
    response.body = "ok";
    return response;
  };
  slack::SlackService service(options, clock, post, [] {});
  uint64_t ms = 0, seq = 0;
  for (std::string json; next_line(ms, json);) {
    send_until(service, clock, kBeginNs + ms * kNsPerMs);
    service.take({alert::Lane::kRest, ++seq}, alert_of(json, ms), clock.monotonic_ns());
  }
  while (service.due_ns() != siem::Service::kNever) send_until(service, clock, service.due_ns());
  std::printf("end %llu\n", static_cast<unsigned long long>(seq));
  return 0;
}

int post(const std::string& url, uint64_t window_ms, uint64_t wait_ms) {
  const SystemClock clock;
  Metrics metrics;
  alert::Reports reports(metrics);
  const auto spool = siem::make_spool({}, metrics, clock, reports);
  slack::SlackOptions options;
  options.webhook_url = url;
  options.fold_window_ms = window_ms;
  options.retry_ms_max = 500;
  const auto sink = slack::make_slack_sink(*spool, options, metrics, clock, reports);
  if (!spool->open() || !sink->start()) return 1;
  const uint64_t begin_ns = clock.monotonic_ns();
  uint64_t ms = 0, count = 0;
  for (std::string json; next_line(ms, json); ++count) {
    while (clock.monotonic_ns() < begin_ns + ms * kNsPerMs) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    spool->append(alert_of(json, ms));
  }
  const uint64_t end_ns = clock.monotonic_ns() + wait_ms * kNsPerMs;
  while (spool->counts().waiting > 0 && clock.monotonic_ns() < end_ns)
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  sink->stop(2'000);
  const siem::ForwarderStatus status = sink->status();
  spool->close();
  std::printf("end %llu taken %llu refused %llu failures %llu requests %llu last %s\n",
              static_cast<unsigned long long>(count), static_cast<unsigned long long>(status.taken),
              static_cast<unsigned long long>(status.refused), static_cast<unsigned long long>(status.failures),
              static_cast<unsigned long long>(status.requests), status.last_answer.c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  if (mode == "dry" && argc == 3) return dry(std::stoull(argv[2]));
  if (mode == "post" && argc == 5) return post(argv[2], std::stoull(argv[3]), std::stoull(argv[4]));
  std::fprintf(stderr, "usage: slack_drive dry WINDOW_MS | post URL WINDOW_MS WAIT_MS\n");
  return 2;
}
