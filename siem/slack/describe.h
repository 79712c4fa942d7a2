// What one alert is in a message: its parts as finished mrkdwn, each within the limits of blocks.h. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/base/priority.h"
#include "siem/slack/facts.h"

namespace tiercel::slack {

[[nodiscard]] std::string colour_of(Priority priority);  // "#a30200"
// As the reader's own clock shows it; text for clients that cannot: 2026-07-31 18:27:01 UTC.
[[nodiscard]] std::string time_of(uint64_t time_ns);
[[nodiscard]] std::string output_block(const Facts& facts);  // what happened, word for word
[[nodiscard]] std::string process_tree(const Facts& facts);  // empty: no process is known
[[nodiscard]] std::vector<std::string> fields_of(const Facts& facts);

}  // namespace tiercel::slack
