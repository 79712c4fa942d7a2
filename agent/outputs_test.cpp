#include "agent/outputs_test.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "agent/alert/make.h"
#include "agent/app_options.h"
#include "agent/http/client.h"
#include "agent/outputs_make.h"

namespace tiercel {
namespace {

constexpr auto kLookEvery = std::chrono::milliseconds(5);
constexpr int kEndMs = 1'000;

std::string place(const config::StdoutOutput& /*to*/) {
  return "standard output";
}
std::string place(const config::FileOutput& to) {
  return to.path;
}
std::string place(const config::SyslogOutput& to) {
  return to.address.empty() ? "the host's syslog" : to.address;
}
std::string place(const config::WazuhManager& to) {
  return to.host.empty() ? "the managers of wazuh" : to.host + ":" + std::to_string(to.port);
}
std::string place(const config::WazuhAgentOutput& to) {
  return to.path;
}
std::string url_place(const config::Secret& url, const std::string& file) {
  return file.empty() ? http::origin_of(url.reveal()) : "the URL in " + file;
}
std::string place(const config::HttpOutput& to) {
  return url_place(to.url, to.url_file);
}
std::string place(const config::SlackOutput& to) {
  return url_place(to.webhook_url, to.webhook_url_file);
}
std::string place(const config::SecurityHubOutput& to) {
  if (!to.endpoint.empty()) return http::origin_of(to.endpoint);
  return to.region.empty() ? "the region of the environment" : to.region;
}
std::string place(const config::ProgramOutput& to) {
  return to.program.empty() ? "" : to.program.front();  // arguments may be secrets
}

alert::AlertPtr test_alert(const config::Config& config, const config::Output& output, const Clock& clock) {
  alert::Report report;
  report.priority = std::min(Priority::kNotice, static_cast<Priority>(output.priority));
  report.rule = "Tiercel test";
  report.message = "This is a test of an output of Tiercel: nothing has happened on this host";
  report.time_ns = clock.realtime_ns();
  report.tags = {"test"};
  return alert::AlertMaker(make_options(config)).make_internal(report);
}

}  // namespace

std::string place_of(const config::Output& output) {
  return std::visit([](const auto& to) { return place(to); }, output.to);
}

std::string_view word_of(OutputTest::Result result) {
  switch (result) {
    case OutputTest::Result::kTaken:
      return "taken";
    case OutputTest::Result::kRefused:
      return "refused";
    case OutputTest::Result::kFailed:
      return "failed";
    case OutputTest::Result::kNoAnswer:
      return "no answer";
    case OutputTest::Result::kNotTried:
      break;
  }
  return "not tried";
}

OutputTest test_output(const config::Config& config, const config::Output& output, const std::string& name,
                       int timeout_ms) {
  using Result = OutputTest::Result;
  const SystemClock clock;
  Metrics metrics;
  alert::Reports reports(metrics);
  const auto spool = siem::make_spool({}, metrics, clock, reports);
  const MadeOutput made = make_output(output, name, {*spool, metrics, clock, reports});
  if (!made.sink) return {Result::kNotTried, "the agent's own connection: `tiercel status` tells of it"};
  if (auto opened = spool->open(); !opened) return {Result::kFailed, opened.error().message};
  if (auto started = made.sink->start(); !started) return {Result::kFailed, started.error().message};
  spool->append(test_alert(config, output, clock));
  const auto count = [&](const char* what) { return metrics.sum(std::string("tiercel_output_") + what + "_total"); };
  OutputTest test{Result::kNoAnswer, "nothing came of it in " + std::to_string(timeout_ms / 1'000) + " s"};
  const uint64_t until_ns = clock.monotonic_ns() + static_cast<uint64_t>(timeout_ms) * 1'000'000;
  while (test.result == Result::kNoAnswer && clock.monotonic_ns() < until_ns) {
    if (count("delivered") > 0)
      test = {Result::kTaken, ""};
    else if (count("lost") > 0)
      test = {Result::kRefused, ""};
    else if (count("errors") > 0)
      test = {Result::kFailed, "see the log line"};
    else
      std::this_thread::sleep_for(kLookEvery);
  }
  // Before the end, which breaks off the next attempt.
  if (made.forwarder != nullptr && test.result != Result::kNoAnswer) test.answer = made.forwarder->status().last_answer;
  made.sink->stop(test.result == Result::kTaken ? kEndMs : 0);
  spool->close();
  return test;
}

}  // namespace tiercel
