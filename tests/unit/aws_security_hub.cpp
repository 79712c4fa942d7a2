#include "siem/aws/security_hub.h"

#include <doctest/doctest.h>

#include <map>

#include "siem_support.h"

using namespace tiercel;
using namespace tiercel::aws;

namespace {

SecurityHubOptions options_with(std::map<std::string, std::string> variables) {
  SecurityHubOptions options;
  options.environment = [variables = std::move(variables)](const char* name) {
    const auto it = variables.find(name);
    return it == variables.end() ? std::string() : it->second;
  };
  return options;
}

}  // namespace

TEST_CASE("what is not critical waits a second for company; critical alerts and the end do not") {
  const FakeClock clock;
  const auto service = make_security_hub_service(options_with({}), clock);
  CHECK(service->due_ns() == siem::Service::kNever);
  service->take({alert::Lane::kRest, 1}, siem::test::make_alert(alert::Priority::kNotice, "a"), 5'000);
  CHECK(service->due_ns() == 1'000'005'000);
  service->take({alert::Lane::kCritical, 2}, siem::test::make_alert(alert::Priority::kCritical, "b", "Other"), 6'000);
  CHECK(service->due_ns() == 0);
  const auto hurried = make_security_hub_service(options_with({}), clock);
  hurried->take({alert::Lane::kRest, 1}, siem::test::make_alert(alert::Priority::kNotice, "a"), 5'000);
  hurried->hurry();
  CHECK(hurried->due_ns() == 0);
}

TEST_CASE("a hundred findings are a full batch") {
  const FakeClock clock;
  const auto service = make_security_hub_service(options_with({}), clock);
  for (int i = 0; i < 100; ++i)
    service->take({alert::Lane::kRest, static_cast<uint64_t>(i)},
                  siem::test::make_alert(alert::Priority::kNotice, "a", "R" + std::to_string(i)), 5'000);
  CHECK(service->due_ns() == 0);
}

TEST_CASE("what is missing is told with the way out, and nothing is settled") {
  const FakeClock clock;
  const auto service =
      make_security_hub_service(options_with({{"AWS_EC2_METADATA_DISABLED", "true"}, {"HOME", "/nonexistent"}}), clock);
  service->take({alert::Lane::kRest, 1}, siem::test::make_alert(alert::Priority::kNotice, "a"), 0);
  const siem::Attempt attempt = service->send(0);
  CHECK(attempt.result == siem::Attempt::Result::kRetry);
  CHECK(attempt.settled.empty());
  CHECK(attempt.answer.find("AWS_REGION") != std::string::npos);
  SecurityHubOptions ocsf = options_with({});
  ocsf.format = SecurityHubOptions::Format::kOcsf;
  CHECK(make_security_hub_service(std::move(ocsf), clock)->send(0).answer.find("endpoint") != std::string::npos);
}

TEST_CASE("after stop() an attempt fails at once") {
  const FakeClock clock;
  SecurityHubOptions options = options_with({{"AWS_EC2_METADATA_DISABLED", "true"},
                                             {"AWS_ACCESS_KEY_ID", "K"},
                                             {"AWS_SECRET_ACCESS_KEY", "S"},
                                             {"AWS_REGION", "eu-west-1"}});
  options.account = "123456789012";
  options.endpoint = "http://127.0.0.1:9";
  const auto service = make_security_hub_service(std::move(options), clock);
  service->take({alert::Lane::kRest, 1}, siem::test::make_alert(alert::Priority::kNotice, "a"), 0);
  service->stop();
  const siem::Attempt attempt = service->send(0);
  CHECK(attempt.result == siem::Attempt::Result::kRetry);
  CHECK(attempt.answer.find("stopped") != std::string::npos);
}
