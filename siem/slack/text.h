// Text of others in a Slack message: shown letter by letter, never obeyed. Pure; any thread.
//
// Whoever runs a process chooses its name, its arguments and the files that it opens. In Slack's mrkdwn `<!channel>`
// calls everybody, `<https://x|y>` hides where a link goes, a backtick ends code, and characters that turn the
// direction of writing or have no width show something else than what was run. So: & < > become entities (the three
// that Slack names, docs.slack.dev/messaging/formatting-message-text), a backtick ‘ (U+2018), and what cannot be seen
// its number (\n, \x1b, \u202e). Bytes that are no UTF-8 become U+FFFD.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tiercel::slack {

// As the service counts characters, as far as known: UTF-16 units, so never fewer than letters.
[[nodiscard]] size_t units(std::string_view text);

// At most `most` units. What is longer keeps its head and its tail with " … " between: a padded command line must not
// hide its end. Never cut within a character or an entity.
[[nodiscard]] std::string literal(std::string_view text, size_t most);
// The same, but of what is longer just the head, with "…" behind: for prose.
[[nodiscard]] std::string head_of(std::string_view text, size_t most);
// The same as `literal` without entities, for Block Kit's plain_text; < and > become ‹ and ›.
[[nodiscard]] std::string plain(std::string_view text, size_t most);
// `literal` in backticks; what is empty is "(empty)". `most` counts the backticks.
[[nodiscard]] std::string code(std::string_view text, size_t most);

[[nodiscard]] std::string grouped(uint64_t number);  // 12,345

}  // namespace tiercel::slack
