// The output slack: alerts as messages in the channel of an incoming webhook (docs/slack.md). folds.h says when there
// is a message, message.h what it says, answer.h what Slack's answers mean.
//
//   200 "ok"                     told
//   400 of what we wrote, 413    once more, as plain text; if that is not taken either, refused: lost, and counted
//   429, 408, 5xx, no answer     again later, after what Retry-After says
//   403, 404, 410, a redirect    again later: a person has to mend the webhook or its channel
//
// The webhook's URL is a secret: no error, log or status shows it. It is https; http is for this host alone.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "agent/base/result.h"
#include "siem/forwarder.h"

namespace tiercel::slack {

struct SlackOptions {
  std::string name = "slack";
  alert::Priority least_priority = alert::Priority::kDebug;
  uint64_t condition = 0;
  std::string webhook_url;
  std::string webhook_url_file;      // its first line is the URL; read again for each attempt, so that it can be mended
  uint64_t fold_window_ms = 60'000;  // 0: nothing is folded
  std::string ca_file;
  std::string client_certificate, client_key;
  int timeout_ms = 10'000;
  int retry_ms_min = 250;
  int retry_ms_max = 60'000;
};

// The error does not repeat the URL.
[[nodiscard]] Result<> check_webhook_url(std::string_view url);

std::unique_ptr<siem::Forwarder> make_slack_sink(siem::Spool& spool, SlackOptions options, Metrics& metrics,
                                                 const Clock& clock, alert::Reports& reports);
// The service alone.
std::unique_ptr<siem::Service> make_slack_service(SlackOptions options, const Clock& clock);

}  // namespace tiercel::slack
