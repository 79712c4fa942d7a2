// The agent's side of the Security Hub tests. Alerts come as normalised events (decoders/ALERT.md), a line each.
//   aws_probe render asff|ocsf create|update        each line becomes a finding on a line
//   aws_probe serve KEY=VALUE...                    lines are taken; a line "send" makes one attempt and prints its
//   JSON
// Keys of `serve`: region account endpoint profile format. AWS's own variables count as they do for the agent.
#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <csignal>
#include <iostream>
#include <map>
#include <string>

#include "agent/base/clock.h"
#include "siem/aws/asff.h"
#include "siem/aws/ocsf.h"
#include "siem/aws/security_hub.h"

namespace {

using namespace tiercel;

std::string text_at(const rapidjson::Value& object, const char* key) {
  const auto member = object.FindMember(key);
  return member != object.MemberEnd() && member->value.IsString() ? member->value.GetString() : "";
}

alert::AlertPtr alert_of(const std::string& line) {
  auto alert = std::make_shared<alert::Alert>();
  alert->event_json = line;
  rapidjson::Document document;
  document.Parse(line.c_str());
  if (document.HasParseError() || !document.IsObject() || !document.HasMember("tiercel")) return alert;
  if (!document["tiercel"].IsObject()) return alert;
  const rapidjson::Value& event = document["tiercel"];
  alert->id = text_at(event, "id");
  alert->rule = text_at(event, "rule");
  alert->message = text_at(event, "output");
  alert->source = text_at(event, "source");
  alert->time_ns = aws::utc_ns(text_at(event, "time"));
  alert->priority = static_cast<alert::Priority>(priority_number(text_at(event, "priority")).value_or(kPriorityDebug));
  return alert;
}

int render(const std::string& format, bool update) {
  const aws::Place place{"123456789012",
                         "eu-central-1",
                         "aws",
                         "i-0123456789abcdef0",
                         "arn:aws:ec2:eu-central-1:123456789012:instance/i-0123456789abcdef0",
                         "t3.micro",
                         "ami-0123456789abcdef0",
                         "eu-central-1a"};
  for (std::string line; std::getline(std::cin, line);) {
    const aws::Finding finding = aws::read_finding(*alert_of(line));
    const uint64_t now_ns = finding.last_ns + 1'000'000'000;
    std::cout << (format == "ocsf" ? aws::ocsf(finding, place, now_ns, update)
                                   : aws::asff(finding, place, now_ns, update))
              << "\n";
  }
  return 0;
}

void tell(const siem::Attempt& attempt) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> out(buffer);
  constexpr const char* kResults[] = {"taken", "refused", "retry"};
  out.StartObject();
  out.Key("result");
  out.String(kResults[static_cast<size_t>(attempt.result)]);
  out.Key("settled");
  out.Uint64(attempt.settled.size());
  out.Key("refused");
  out.Uint64(attempt.refused.size());
  out.Key("retry_after_ms");
  out.Int(attempt.retry_after_ms);
  out.Key("answer");
  out.String(attempt.answer.c_str());
  out.EndObject();
  std::cout << buffer.GetString() << std::endl;
}

int serve(std::map<std::string, std::string>& arguments) {
  const SystemClock clock;
  aws::SecurityHubOptions options;
  options.region = arguments["region"];
  options.account = arguments["account"];
  options.endpoint = arguments["endpoint"];
  options.profile = arguments["profile"];
  if (arguments["format"] == "ocsf") options.format = aws::SecurityHubOptions::Format::kOcsf;
  const auto service = aws::make_security_hub_service(std::move(options), clock);
  uint64_t seq = 0;
  for (std::string line; std::getline(std::cin, line);) {
    if (line == "send")
      tell(service->send(clock.monotonic_ns()));
    else
      service->take({alert::Lane::kRest, ++seq}, alert_of(line), clock.monotonic_ns());
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);
  const std::string what = argc > 1 ? argv[1] : "";
  if (what == "render" && argc == 4) return render(argv[2], std::string(argv[3]) == "update");
  std::map<std::string, std::string> arguments;
  for (int i = 2; i < argc; ++i) {
    const std::string word = argv[i];
    arguments[word.substr(0, word.find('='))] = word.substr(std::min(word.find('=') + 1, word.size()));
  }
  if (what == "serve") return serve(arguments);
  std::cerr << "usage: aws_probe render asff|ocsf create|update | serve KEY=VALUE...\n";
  return 1;
}
