// Answer: what Slack's answer to a webhook's request means. Pure; any thread. Source of the words:
// docs.slack.dev/messaging/sending-messages-using-incoming-webhooks, "Handling errors".
#pragma once

#include <cstdint>
#include <string>

#include "agent/http/client.h"

namespace tiercel::slack {

struct Answer {
  enum class Kind : uint8_t {
    kTaken,        // 200 with "ok"
    kNotThisForm,  // it does not take what we wrote: invalid_blocks, invalid_payload, too_many_attachments, 413
    kMend,         // the URL, its channel or its workspace: a person has to mend it, and nothing is lost until then
    kLater,        // 429, 408, 5xx
  };
  Kind kind = Kind::kLater;
  int retry_after_ms = 0;
  std::string words;  // for a person, with the way out; of the service's own words just a known form of them
};
[[nodiscard]] Answer answer_of(const http::Response& response, uint64_t realtime_ns);

}  // namespace tiercel::slack
