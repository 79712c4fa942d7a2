// The command line of `tiercel alerts`.
#include <CLI/CLI.hpp>

#include <memory>

#include "agent/cli/alerts.h"

namespace tiercel::cli {
namespace {

void add_places(CLI::App& command, AlertsArgs& args) {
  command.add_option("--state-dir", args.state_dir, "Where the agent keeps its state (default: as configured)");
  command.add_option("--config,-c", args.config_file, "Configuration file (default: /etc/tiercel/tiercel.yaml)");
}

}  // namespace

void add_alerts(CLI::App& app, int& status) {
  const auto args = std::make_shared<AlertsArgs>();
  auto* alerts = app.add_subcommand(
      "alerts",
      "The alerts of this host, oldest first, from the history that the agent keeps; needs root; the agent need not\n"
      "run. Without --since, --until and -n: the last 50");
  alerts->add_flag("--follow,-f", args->follow, "The last 10, then each as it comes, until Ctrl-C; also over restarts");
  alerts->add_option("--since,-S", args->since,
                     "From then on: 30m, 24h, 7d (so long ago), 10:00, today, 2026-11-28, 2026-11-28T10:00");
  alerts->add_option("--until,-U", args->until, "Up to then; the same forms");
  alerts->add_option("--rule,-r", args->rule, "Only of rules with this name; * and ? stand for what is not known");
  alerts->add_option("--priority,-p", args->priority, "Only of this priority or a more severe one");
  alerts->add_option("-n,--lines", args->count, "Only the last so many")->check(CLI::PositiveNumber);
  alerts->add_flag("--full", args->full, "The whole text, wrapped, and the alert's id");
  alerts->add_flag("--json", args->json, "For machines: the events as a manager gets them, one a line");
  add_places(*alerts, *args);
  alerts->footer(
      "On a terminal a line is cut at its width; in a pipe it is whole. Times are local.\n"
      "Examples:\n  sudo tiercel alerts --since 1h --priority warning\n"
      "  sudo tiercel alerts -f --rule '*shell*'\n"
      "  sudo tiercel alerts --since today --json | jq -r .tiercel.rule | sort | uniq -c\n"
      "  sudo tiercel alerts show last");
  alerts->callback([alerts, args, &status] {
    if (alerts->get_subcommands().empty()) status = cli::alerts(*args);
  });
  auto* show = alerts->add_subcommand(
      "show", "One alert whole: its fields, tags, ATT&CK techniques, and what the responses did about it");
  show->add_option("id", args->id, "Its id (`tiercel alerts --full` and --json have it); last: the newest")->required();
  show->add_flag("--json", args->json, "For machines: {alert, responses}");
  add_places(*show, *args);
  show->callback([args, &status] { status = cli::alerts_show(*args); });
}

}  // namespace tiercel::cli
