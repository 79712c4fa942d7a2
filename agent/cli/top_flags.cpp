#include "agent/cli/top_flags.h"

#include <CLI/CLI.hpp>

#include <memory>

#include "agent/cli/commands.h"
#include "agent/top/figures.h"

namespace tiercel::cli {
namespace {

void add_status(CLI::App& app, int& status) {
  const auto args = std::make_shared<TopArgs>();
  auto* command = app.add_subcommand("status", "How the running agent is: what it saw, sent and lost, what is wrong");
  command->add_flag("--json", args->json, "For machines");
  command->add_option("--run-dir", args->run_dir, "Where its control socket is")->capture_default_str();
  command->footer(
      "Exit status: 0 all is well, 1 something is wrong and is said, 2 no agent answers.\n"
      "Example:\n  sudo tiercel status || echo \"look at $HOSTNAME\"");
  command->callback([args, &status] { status = cli::status(args->run_dir, args->json); });
}

void add_top(CLI::App& app, int& status) {
  const auto args = std::make_shared<TopArgs>();
  auto* command = app.add_subcommand(
      "top",
      "Look at the running agent at work: events, alerts and losses per second, and which rules, processes,\n"
      "containers and event types they come from. Counting begins when you look and ends when you stop.");
  command->add_option("--interval,-i", args->interval_s, "Seconds between two looks")
      ->check(CLI::Range(0.2, 60.0))
      ->capture_default_str();
  command->add_flag("--once", args->once, "Look for one interval, print it as plain text and end: for pipes and files");
  command->add_flag("--json", args->json, "A line of JSON every interval; with --once, one line");
  std::vector<std::string> views;
  for (const top::Shape& shape : top::shapes()) views.emplace_back(shape.name);
  command->add_option("--view,-V", args->view, "Shown first; of --once, alone")->check(CLI::IsMember(views));
  command->add_option("--rows,-n", args->rows, "Of each table of --once; 0: all")->capture_default_str();
  command->add_option("--run-dir", args->run_dir, "Where the agent's control socket is")->capture_default_str();
  command->footer(
      "Keys: Tab the next view, s sort, r reverse, / filter, p pause, + and - the interval, ? help, q quit.\n"
      "Examples:\n  sudo tiercel top\n  sudo tiercel top --once --view rules --interval 10 > rules.txt\n"
      "  sudo tiercel top --json --interval 5 | jq .events.per_s");
  command->callback([args, &status] { status = cli::top(*args); });
}

}  // namespace

void add_look_commands(CLI::App& app, int& status) {
  add_status(app, status);
  add_top(app, status);
}

}  // namespace tiercel::cli
