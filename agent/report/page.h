// A report as text: JSON for machines, and the page for people, which carries the same JSON and draws it with a script
// of its own. The page asks nobody for anything: its policy (CSP) forbids every request and every script but its own,
// and any way from text to markup (Trusted Types). Whatever an alert says is text to it.
// docs/report.md tells users. Pure; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/report/gather.h"

namespace tiercel::report {

struct About {
  std::string version = {};
  std::string host = {};  // where the alerts do not say
  uint64_t made_ns = 0;
  uint64_t begins_ns = 0;  // the oldest alert that the history has; 0: it has none
  struct Removed {
    std::string rule;
    uint64_t alerts = 0, last_ns = 0;
  };
  std::vector<Removed> removed = {};  // what the history's limits took of the period, perhaps with some of before
  std::string status_json = {};       // the running agent's `status`; empty: it did not answer
  std::string status_missing = {};    // why, then
};

[[nodiscard]] std::string to_json(const Found& found, const About& about);
// nonce: new for each page, of characters that base64 has; nobody may know it who wrote what the alerts say.
[[nodiscard]] std::string to_page(std::string_view report_json, std::string_view title, std::string_view nonce);

}  // namespace tiercel::report
