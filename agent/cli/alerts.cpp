// tiercel alerts
#include "agent/cli/alerts.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <clocale>
#include <cstdio>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "agent/alert/json.h"
#include "agent/base/clock.h"
#include "agent/base/priority.h"
#include "agent/base/time_text.h"
#include "agent/cli/commands.h"
#include "agent/cli/event_view.h"
#include "agent/cli/text.h"
#include "agent/cli/when.h"
#include "agent/config/load.h"

namespace tiercel::cli {
namespace {

using history::HistoryQuery;
using history::HistoryReader;
using history::HistoryRow;

constexpr const char* kDefaultConfig = "/etc/tiercel/tiercel.yaml";
constexpr size_t kRowsAtOnce = 1'000;
constexpr size_t kShownByDefault = 50;
constexpr size_t kFollowedFrom = 10;  // as tail -f
constexpr auto kLookEvery = std::chrono::milliseconds(100);

std::string escaped(std::string_view text) {
  std::string out;
  alert::append_escaped(out, text);
  return out;
}

class Printer {
 public:
  Printer(bool json, AlertLook look) : json_(json), look_(look) {}
  void print(std::vector<HistoryRow> rows) {
    // Critical alerts overtake others on the way here; people read by time.
    std::stable_sort(rows.begin(), rows.end(),
                     [](const HistoryRow& a, const HistoryRow& b) { return a.time_ns < b.time_ns; });
    look_.now_ns = SystemClock().realtime_ns();
    std::string out;
    for (size_t i = 0; i < rows.size(); ++i) {
      size_t times = 1;  // on a terminal, repeats in a row are one line
      while (!json_ && look_.width > 0 && !look_.full && i + 1 < rows.size() && same(rows[i], rows[i + 1]))
        ++i, ++times;
      out += (json_ ? rows[i].event_json : alert_text(rows[i], look_, times)) + '\n';
    }
    std::fwrite(out.data(), 1, out.size(), stdout);
    std::fflush(stdout);
    printed_ += rows.size();
  }
  [[nodiscard]] uint64_t printed() const { return printed_; }

 private:
  [[nodiscard]] static bool same(const HistoryRow& a, const HistoryRow& b) {
    return a.text == b.text && a.rule == b.rule && a.priority == b.priority;
  }

  const bool json_;
  AlertLook look_;
  uint64_t printed_ = 0;
};

struct Wanted {
  HistoryQuery query;
  size_t last = 0;  // only so many of them; 0: all
};

Result<Wanted> wanted_of(const AlertsArgs& args) {
  Wanted wanted;
  const uint64_t now_ns = SystemClock().realtime_ns();
  for (const auto& [text, into] :
       {std::pair(&args.since, &wanted.query.since_ns), std::pair(&args.until, &wanted.query.until_ns)}) {
    if (text->empty()) continue;
    auto at = parse_when(*text, now_ns);
    if (!at) return tl::unexpected(at.error());
    *into = *at;
  }
  if (wanted.query.since_ns >= wanted.query.until_ns)
    return fail("--since is not before --until: nothing can be between them", Fault::kUser);
  if (args.follow && !args.until.empty())
    return fail("--follow waits for what comes, and --until is in its way: leave one out", Fault::kUser);
  wanted.query.rule = args.rule;
  if (!args.priority.empty()) {
    auto number = priority_number(args.priority);
    if (!number) number = priority_number_of_three_steps(args.priority);
    if (!number)
      return fail(
          "--priority takes Emergency, Alert, Critical, Error, Warning, Notice, Informational or Debug (or high, "
          "medium, low), not '" +
              args.priority + "'",
          Fault::kUser);
    wanted.query.least = static_cast<Priority>(*number);
  }
  wanted.last = args.count;
  if (args.count == 0 && args.since.empty() && args.until.empty())
    wanted.last = args.follow ? kFollowedFrom : kShownByDefault;
  return wanted;
}

// The number of the newest alert that there is.
Result<uint64_t> newest(HistoryReader& reader) {
  auto rows = reader.read({.newest = true}, 1);
  if (!rows) return tl::unexpected(rows.error());
  return rows->empty() ? 0 : rows->front().seq;
}

// Prints what there is after query.after_seq, which goes to the last of it.
Result<> print_all(HistoryReader& reader, HistoryQuery& query, Printer& printer) {
  for (;;) {
    auto rows = reader.read(query, kRowsAtOnce);
    if (!rows) return tl::unexpected(rows.error());
    if (rows->empty()) return {};
    query.after_seq = rows->back().seq;
    const bool more = rows->size() == kRowsAtOnce;
    printer.print(std::move(*rows));
    if (!more) return {};
  }
}

Result<> print_last(HistoryReader& reader, HistoryQuery& query, size_t most, Printer& printer) {
  HistoryQuery last = query;
  last.newest = true;
  auto rows = reader.read(last, most);
  if (!rows) return tl::unexpected(rows.error());
  if (!rows->empty()) query.after_seq = rows->back().seq;
  printer.print(std::move(*rows));
  return {};
}

// A name that no alert has: say which there are.
Result<> check_rule(HistoryReader& reader, const HistoryQuery& query) {
  if (query.rule.empty()) return {};
  auto any = reader.read({.rule = query.rule, .newest = true}, 1);
  if (!any) return tl::unexpected(any.error());
  if (!any->empty()) return {};
  auto rules = reader.rules();
  if (!rules) return tl::unexpected(rules.error());
  std::string names;
  for (const std::string& name : *rules) names += "\n  " + escaped(name);
  return fail(fmt::format("no alert in the history is of a rule '{}' (* and ? stand for what is not known: '*{}*')."
                          " It has alerts of{}",
                          query.rule, query.rule, names.empty() ? " none" : ":" + names),
              Fault::kUser);
}

// What the limits removed of the time that was asked for: said, so that nobody takes silence for quiet.
void note_removed(HistoryReader& reader, const HistoryQuery& query) {
  const auto removed = reader.removed();
  if (!removed) return;
  uint64_t rows = 0, last_ns = 0;
  std::string most;
  for (const history::HistoryRemoved& rule : *removed) {
    if (rule.last_ns < query.since_ns) continue;
    if (most.empty()) most = escaped(rule.rule);
    rows += rule.rows;
    last_ns = std::max(last_ns, rule.last_ns);
  }
  if (rows > 0)
    fmt::print(stderr,
               "note: {} alerts from before {} went by the history's limits (history.size_mb_max, age_days_max), most "
               "of them of '{}'\n",
               rows, datetime_local_seconds(last_ns), most);
}

// Until somebody ends it. Trouble is told once: an agent that finds the file damaged puts another in its place.
Result<> follow(HistoryReader& reader, HistoryQuery query, Printer& printer) {
  for (bool told = false;;) {
    const auto changed = reader.changed();
    Result<> printed;
    if (!changed)
      printed = tl::unexpected(changed.error());
    else if (*changed)
      printed = print_all(reader, query, printer);
    if (!printed && !std::exchange(told, true)) fmt::print(stderr, "tiercel: {}\n", printed.error().message);
    if (printed && changed && *changed) told = false;
    std::this_thread::sleep_for(kLookEvery);
  }
}

// For those who follow, a history that does not exist yet is one to wait for.
Result<std::unique_ptr<HistoryReader>> open(const std::string& folder, bool wait) {
  bool told = false;
  while (wait && ::access((folder + "/history.db").c_str(), F_OK) != 0 && errno == ENOENT) {
    if (!std::exchange(told, true)) fmt::print(stderr, "waiting for the first alert: {} has none yet\n", folder);
    std::this_thread::sleep_for(kLookEvery);
  }
  constexpr int kTriesMax = 50;  // its writer has just begun
  for (int tries = 0;; ++tries) {
    auto reader = HistoryReader::open(folder);
    if (reader || !told || tries == kTriesMax) return reader;
    std::this_thread::sleep_for(kLookEvery);
  }
}

Result<> show(const AlertsArgs& args) {
  auto wanted = wanted_of(args);
  if (!wanted) return tl::unexpected(wanted.error());
  auto reader = open(history_folder(args), args.follow);
  if (!reader) return tl::unexpected(reader.error());
  HistoryQuery& query = wanted->query;
  if (!args.follow)
    if (auto known = check_rule(**reader, query); !known) return known;
  const bool terminal = terminal_width() > 0;
  Printer printer(args.json, {terminal_width(), colour_wanted(STDOUT_FILENO), args.full});
  const auto up_to = newest(**reader);
  if (!up_to) return tl::unexpected(up_to.error());
  auto printed =
      wanted->last > 0 ? print_last(**reader, query, wanted->last, printer) : print_all(**reader, query, printer);
  if (!printed) return printed;
  if (args.follow) {
    query.after_seq = std::max(query.after_seq, *up_to);
    return follow(**reader, query, printer);
  }
  if (!args.json && printer.printed() == 0) fmt::print(stderr, "no alerts{}\n", *up_to == 0 ? " yet" : " of that kind");
  if (terminal && !args.json && args.count == 0 && printer.printed() == wanted->last)
    fmt::print(stderr, "the last {}; more: --since 24h, or -n {}\n", wanted->last, wanted->last * 10);
  if (wanted->last == 0) note_removed(**reader, query);
  return {};
}

}  // namespace

std::string history_folder(const AlertsArgs& args) {
  config::Config config;
  const std::string file = args.config_file.empty() ? kDefaultConfig : args.config_file;
  if (!args.state_dir.empty()) {
    config.state_dir = args.state_dir;
  } else if (!args.config_file.empty() || ::access(file.c_str(), F_OK) == 0) {
    Diagnostics diagnostics;
    if (auto read = config::load(file, diagnostics))
      config = std::move(*read);
    else  // alerts are wanted all the more when something is wrong
      fmt::print(stderr, "note: {} has mistakes (tiercel config check shows them): looking in {}\n", file,
                 config.history_folder());
  }
  return config.history_folder();
}

int alerts(const AlertsArgs& args) {
  std::setlocale(LC_CTYPE, "");  // how wide characters are
  auto shown = show(args);
  return shown ? 0 : report(shown.error());
}

}  // namespace tiercel::cli
