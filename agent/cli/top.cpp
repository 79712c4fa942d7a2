// tiercel top
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <clocale>
#include <cmath>
#include <cstdio>
#include <optional>
#include <thread>

#include "agent/cli/commands.h"
#include "agent/control/control_client.h"
#include "agent/top/dialog.h"
#include "agent/top/plain.h"
#include "agent/top/terminal.h"

namespace tiercel::cli {
namespace {

using SteadyClock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

// One who looks: two answers make figures.
class Looker {
 public:
  explicit Looker(const std::string& run_dir) : socket_(run_dir + "/tiercel.sock") {}

  // The first call only begins. next_s: how long until the next one.
  Result<std::optional<top::Figures>> look(double next_s) {
    const auto for_s = static_cast<unsigned>(std::ceil(next_s * 2)) + 3;
    auto reply = control::call(socket_, "top", {{"for_s", std::to_string(for_s)}});
    if (!reply) return tl::unexpected(reply.error());
    auto sample = top::parse_sample(*reply);
    if (!sample) return tl::unexpected(sample.error());
    std::optional<top::Figures> figures;
    // Another agent's counts began anew, and so did those of one that nobody looked at meanwhile.
    if (last_ && last_->all.number("since_ns") == sample->all.number("since_ns"))
      figures = top::figures_between(*last_, *sample);
    last_ = std::move(*sample);
    return figures;
  }

 private:
  std::string socket_;
  std::optional<top::Sample> last_;
};

int print_figures(const TopArgs& args, Looker& looker) {
  const auto view = args.view.empty() ? std::nullopt : top::view_named(args.view);
  auto due = SteadyClock::now();
  for (;;) {
    auto figures = looker.look(args.interval_s);
    if (!figures) return report(figures.error());
    if (*figures) {
      const std::string text = args.json ? top::figures_json(**figures) + "\n"
                                         : top::figures_text(**figures, {.view = view, .rows = args.rows});
      if (std::fputs(text.c_str(), stdout) < 0 || std::fflush(stdout) != 0) return 0;  // nobody reads any more
      if (args.once) return 0;
    }
    due =
        std::max(due + std::chrono::duration_cast<SteadyClock::duration>(Seconds(args.interval_s)), SteadyClock::now());
    std::this_thread::sleep_until(due);
  }
}

int show_figures(const TopArgs& args, Looker& looker) {
  if (auto first = looker.look(args.interval_s); !first) return report(first.error());
  top::Dialog dialog(top::view_named(args.view).value_or(top::View::kRules), args.interval_s);
  auto terminal = top::Terminal::open(colour_wanted(STDOUT_FILENO));
  if (!terminal) return report(terminal.error());
  auto asked = SteadyClock::now();
  double wait_s = std::min(args.interval_s, 0.5);  // something to look at soon
  for (;;) {
    top::Grid grid = (*terminal)->blank();
    dialog.draw(grid);
    (*terminal)->show(grid);
    const double left_s = wait_s - Seconds(SteadyClock::now() - asked).count();
    if (left_s > 0) {
      if (!dialog.handle((*terminal)->read(static_cast<int>(std::ceil(left_s * 1000))))) return 0;
      wait_s = std::min(wait_s, dialog.interval_s());  // the user may have changed it
      continue;
    }
    wait_s = dialog.interval_s();
    asked = SteadyClock::now();
    if (auto figures = looker.look(wait_s); !figures)
      dialog.trouble(figures.error().message);
    else if (*figures)
      dialog.take(std::move(**figures));
  }
}

}  // namespace

int top(const TopArgs& args) {
  if (!args.once && !args.json && (::isatty(STDOUT_FILENO) != 1 || ::isatty(STDIN_FILENO) != 1))
    return report(
        {"this is no terminal: use tiercel top --once for a pipe or a file, or --json for a line of JSON "
         "every --interval",
         Fault::kUser});
  std::setlocale(LC_CTYPE, "");
  Looker looker(args.run_dir);
  return args.once || args.json ? print_figures(args, looker) : show_figures(args, looker);
}

}  // namespace tiercel::cli
