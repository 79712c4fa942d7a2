#include <CLI/CLI.hpp>

#include <memory>

#include "agent/cli/report_page.h"

namespace tiercel::cli {

void add_report(CLI::App& app, int& status) {
  const auto args = std::make_shared<ReportArgs>();
  auto* command = app.add_subcommand(
      "report",
      "Write a page about a period: the alerts' timeline, process trees, ATT&CK matrix, what responses did, losses "
      "and\n"
      "gaps. One file for any browser, which asks the network for nothing. From the alerts that this host keeps.");
  command->add_option("--since,-s", args->since, "Begin: 90m, 24h, 7d ago, or 2026-11-28T10:00")->capture_default_str();
  command->add_option("--until,-u", args->until, "End (default: now)");
  command->add_option("--output,-o", args->output,
                      "The file to write (default, or -: standard output, not a terminal)");
  command->add_option("--rows", args->rows, "Alerts with all their fields, of those that there are; all are counted")
      ->capture_default_str();
  command->add_flag("--json", args->json, "The same for machines, instead of the page");
  command->add_option("--config,-c", args->config_file, "Configuration file (default: /etc/tiercel/tiercel.yaml)");
  command->add_option("--state-dir", args->state_dir, "Where the agent keeps its history (default: as configured)");
  command->add_option("--run-dir", args->run_dir, "Where the agent's control socket is, for the outputs' state")
      ->capture_default_str();
  command->footer(
      "The page holds command lines and paths: the file is for its owner alone (mode 0600).\n"
      "Examples:\n  sudo tiercel report --since 24h -o report.html\n"
      "  sudo tiercel report --since 2026-11-27 --until 2026-11-28 > friday.html\n"
      "  sudo tiercel report --since 7d --json | jq .totals");
  command->callback([args, &status] { status = cli::report_page(*args); });
}

}  // namespace tiercel::cli
