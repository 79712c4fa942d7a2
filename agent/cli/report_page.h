// tiercel report: a page about a period. Returns the exit status (commands.h).
#pragma once

#include <string>

#include "agent/report/gather.h"

namespace CLI {
class App;
}

namespace tiercel::cli {

struct ReportArgs {
  std::string since = "24h", until, output, config_file, state_dir, run_dir = "/run/tiercel";
  size_t rows = report::kRowsDefault;
  bool json = false;
};
int report_page(const ReportArgs& args);
// The subcommand with its flags.
void add_report(CLI::App& app, int& status);

}  // namespace tiercel::cli
