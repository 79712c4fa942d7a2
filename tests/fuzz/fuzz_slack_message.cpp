// Hostile events as Slack messages: whatever the bytes, the message keeps the service's limits and counts what it is
// made of, and no control sequence of others is in it.
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "siem/slack/answer.h"
#include "siem/slack/folds.h"
#include "siem/slack/message.h"
#include "siem/slack/text.h"

namespace {

using namespace tiercel;

void demand(bool holds) {
  if (!holds) std::abort();
}

void no_control_sequence(std::string_view json) {
  for (size_t at = json.find('<'); at != std::string_view::npos; at = json.find('<', at + 1)) {
    const std::string_view rest = json.substr(at);
    demand(rest.starts_with("<https://attack.mitre.org/techniques/T") || rest.starts_with("<!date^"));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::string shown = slack::literal(bytes, size % 200);
  demand(slack::units(shown) <= size % 200 && shown.find_first_of("<>`") == std::string::npos);

  slack::Folds folds({});
  for (uint64_t i = 0; i < 3; ++i) {
    auto alert = std::make_shared<alert::Alert>();
    alert->rule = i == 2 ? "another" : "one";
    alert->message = bytes;
    alert->process = bytes;
    alert->event_json =
        i == 1 ? std::string(bytes) : R"({"tiercel":{"proc":{"name":"x"},"output":)" + std::string(bytes) + "}}";
    folds.take({alert::Lane::kRest, i}, alert, 1);
  }
  const auto batch = folds.due(1);
  uint64_t count = 0;
  for (const slack::Told& told : batch.told) count += told.count;
  demand(count == 3 && batch.rows.size() == 3);
  const std::string message = slack::message_of(batch.told);
  demand(slack::units(message) < 40'000);
  no_control_sequence(message);
  no_control_sequence(slack::message_of(batch.told, slack::Grouping::kNone));
  no_control_sequence(slack::plain_message_of(batch.told));

  http::Response response;
  response.status = size > 0 ? 100 + data[0] * 2 : 200;
  response.body = bytes;
  demand(slack::answer_of(response, 0).words.size() < 200);
  return 0;
}
