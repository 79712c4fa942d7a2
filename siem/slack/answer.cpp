#include "siem/slack/answer.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace tiercel::slack {
namespace {

using Kind = Answer::Kind;
constexpr size_t kWordMax = 48;

struct Known {
  std::string_view word;
  Kind kind;
  std::string_view way_out;
};
constexpr std::string_view kNewUrl =
    "make a new webhook in Slack's app settings (Incoming Webhooks) and configure its URL";
constexpr auto kKnown = std::to_array<Known>({
    {"no_service", Kind::kMend, kNewUrl},
    {"no_service_id", Kind::kMend, kNewUrl},
    {"no_active_hooks", Kind::kMend, kNewUrl},
    {"no_team", Kind::kMend, kNewUrl},
    {"invalid_token", Kind::kMend, kNewUrl},
    {"user_not_found", Kind::kMend, kNewUrl},
    {"channel_not_found", Kind::kMend, kNewUrl},
    {"channel_is_archived", Kind::kMend, "unarchive the channel, or configure the webhook of another one"},
    {"action_prohibited", Kind::kMend, "an administrator of the workspace has to allow the webhook"},
    {"posting_to_general_channel_denied", Kind::kMend,
     "only administrators may post to that channel: configure the webhook of another one"},
    {"team_disabled", Kind::kMend, "the workspace is disabled"},
    {"invalid_payload", Kind::kNotThisForm, ""},
    {"invalid_blocks", Kind::kNotThisForm, ""},
    {"invalid_blocks_format", Kind::kNotThisForm, ""},
    {"invalid_attachments", Kind::kNotThisForm, ""},
    {"too_many_attachments", Kind::kNotThisForm, ""},
    {"msg_blocks_too_long", Kind::kNotThisForm, ""},
    {"no_text", Kind::kNotThisForm, ""},
    {"missing_text_or_fallback_or_attachments", Kind::kNotThisForm, ""},
});

std::string_view first_line(std::string_view text) {
  const size_t begin = std::min(text.find_first_not_of(" \t\r\n"), text.size());
  text.remove_prefix(begin);
  return text.substr(0, text.find_first_of(" \t\r\n:"));
}

// Slack's words are of small letters and _; of anything else nothing is repeated.
std::string_view word_of(std::string_view body) {
  const std::string_view word = first_line(body);
  const bool fits = !word.empty() && word.size() <= kWordMax &&
                    std::all_of(word.begin(), word.end(), [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; });
  return fits ? word : std::string_view();
}

}  // namespace

Answer answer_of(const http::Response& response, uint64_t realtime_ns) {
  const int status = response.status;
  const std::string_view word = word_of(response.body);
  Answer answer;
  answer.words = fmt::format("HTTP {}{}{}", status, word.empty() ? "" : " ", word);
  if (status == 200 && word == "ok") {
    answer.kind = Kind::kTaken;
    return answer;
  }
  answer.retry_after_ms = http::retry_after_ms(response.headers, realtime_ns);
  if (status == 408 || status == 429 || status >= 500) return answer;
  if (const auto* known = std::find_if(kKnown.begin(), kKnown.end(), [&](const Known& k) { return k.word == word; });
      known != kKnown.end() && status >= 400) {
    answer.kind = known->kind;
    if (!known->way_out.empty()) answer.words += fmt::format(": {}", known->way_out);
    return answer;
  }
  if (status == 400 || status == 413) {
    answer.kind = Kind::kNotThisForm;
    return answer;
  }
  answer.kind = Kind::kMend;
  if (status < 300)
    answer.words += ": not Slack's \"ok\": does the URL lead to Slack, or to a proxy in between?";
  else if (status < 400)
    answer.words += ": it redirects, which is not followed: configure the webhook's own URL";
  else
    answer.words += fmt::format(": {}", kNewUrl);
  return answer;
}

}  // namespace tiercel::slack
