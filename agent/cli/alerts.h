// tiercel alerts: reads the history of alerts on this host (siem/history), whether an agent runs or not. Each function
// returns the exit status of commands.h.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "siem/history/history.h"

namespace CLI {
class App;
}

namespace tiercel::cli {

struct AlertsArgs {
  std::string config_file, state_dir;
  std::string since, until, rule, priority;
  uint64_t count = 0;  // 0: not said
  bool follow = false, json = false, full = false;
  std::string id;  // of `alerts show`; "last": the newest
};
int alerts(const AlertsArgs& args);
int alerts_show(const AlertsArgs& args);
// The subcommand with its flags.
void add_alerts(CLI::App& app, int& status);

// Where the history is: --state-dir, else what the configuration says.
[[nodiscard]] std::string history_folder(const AlertsArgs& args);

// How one alert looks.
struct AlertLook {
  size_t width = 0;  // columns of the terminal; 0: it is none, and nothing is cut
  bool colour = false;
  bool full = false;    // all of the text, in as many lines as it takes, with the alert's id
  uint64_t now_ns = 0;  // on a terminal the date is left out of what happened today
};
// times: so many in a row that say the same.
[[nodiscard]] std::string alert_text(const history::HistoryRow& row, const AlertLook& look, size_t times = 1);

}  // namespace tiercel::cli
