// Message: what a channel reads. Alerts as Slack's Block Kit, in JSON. Pure; any thread.
//
// One attachment for each rule, since only attachments have a colour; the words name the priority as well. One alert is
// shown whole: what happened, the process tree, who, where, file or connection, container and pod, ATT&CK. Of several
// come those not told before, as whole as there is room, then lists of where the rest hit, with counts. What finds no
// room is named with its count ("and 12 other rules"): the counts of a message always add up to what it is made of.
//
// Limits of the service (docs.slack.dev/reference/block-kit/blocks): 50 blocks, 3,000 characters a section's text,
// 10 fields of 2,000, 150 a header; and about 13,000 characters in all (slackapi/bolt-js#2509), of which we use 12,000.
// Text of others is made harmless by text.h, texts are `verbatim` and links are not unfurled: nothing that a process is
// called makes Slack call anybody or fetch anything.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "siem/slack/folds.h"

namespace tiercel::slack {

enum class Grouping : uint8_t { kByRule, kNone };  // kNone: each of `told` stands alone

// {"text":...,"blocks":[...],"attachments":[...]}; `text` is what a notification shows. `told` is not empty.
[[nodiscard]] std::string message_of(const std::vector<Told>& told, Grouping grouping = Grouping::kByRule);
// {"text":...}: the same in few words, for a service that does not take the above.
[[nodiscard]] std::string plain_message_of(const std::vector<Told>& told);

}  // namespace tiercel::slack
