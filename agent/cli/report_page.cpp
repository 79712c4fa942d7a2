#include "agent/cli/report_page.h"

#include <fmt/core.h>
#include <sys/random.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/app.h"
#include "agent/base/clock.h"
#include "agent/base/fd.h"
#include "agent/cli/alerts.h"
#include "agent/cli/commands.h"
#include "agent/cli/when.h"
#include "agent/control/control_client.h"
#include "agent/report/page.h"
#include "siem/history/history.h"

namespace tiercel::cli {
namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;
constexpr size_t kRowsAtOnce = 1'000;
constexpr int kStatusTimeoutMs = 3'000;
constexpr size_t kNonceBytes = 16;

// In whole seconds, so that the page's steps are.
Result<report::Period> period_of(const ReportArgs& args, uint64_t now_ns) {
  const auto since = parse_when(args.since, now_ns);
  if (!since) return tl::unexpected(since.error());
  report::Period period{*since / kSecondNs * kSecondNs, now_ns};
  if (!args.until.empty()) {
    const auto until = parse_when(args.until, now_ns);
    if (!until) return tl::unexpected(until.error());
    period.until_ns = *until;
  }
  period.until_ns = (period.until_ns + kSecondNs - 1) / kSecondNs * kSecondNs;
  if (period.since_ns >= period.until_ns)
    return fail("--since is not before --until: nothing can be between them", Fault::kUser);
  return period;
}

Result<report::Found> gather(history::HistoryReader& reader, const report::Period& period, size_t rows_max) {
  report::Gatherer gatherer(period, rows_max);
  history::HistoryQuery query;
  query.since_ns = period.since_ns;
  query.until_ns = period.until_ns;
  for (;;) {
    const auto rows = reader.read(query, kRowsAtOnce);
    if (!rows) return tl::unexpected(rows.error());
    for (const history::HistoryRow& row : *rows) gatherer.add(row.seq, row.time_ns, row.event_json);
    if (rows->size() < kRowsAtOnce) return gatherer.finish();
    query.after_seq = rows->back().seq;
  }
}

Result<report::About> about(history::HistoryReader& reader, const report::Period& period, const std::string& run_dir) {
  report::About out;
  out.version = kVersion;
  out.made_ns = SystemClock().realtime_ns();
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) == 0) out.host = host.data();
  const auto oldest = reader.read({}, 1);
  if (!oldest) return tl::unexpected(oldest.error());
  if (!oldest->empty()) out.begins_ns = oldest->front().time_ns;
  const auto removed = reader.removed();
  if (!removed) return tl::unexpected(removed.error());
  for (const history::HistoryRemoved& one : *removed)
    if (one.last_ns >= period.since_ns) out.removed.push_back({one.rule, one.rows, one.last_ns});
  auto status = control::call(run_dir + "/tiercel.sock", "status", {}, kStatusTimeoutMs);
  if (status)
    out.status_json = std::move(*status);
  else
    out.status_missing = status.error().message;
  return out;
}

Result<std::string> nonce() {
  std::array<unsigned char, kNonceBytes> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    return fail_errno("no random number for the page", errno);
  std::string out;
  for (const unsigned char byte : bytes) out += fmt::format("{:02x}", byte);
  return out;
}

Result<> write(const ReportArgs& args, const std::string& text) {
  if (args.output.empty() || args.output == "-") return write_all(STDOUT_FILENO, text.data(), text.size());
  return write_file_atomically(args.output, text, 0600);
}

std::string many(uint64_t count, const char* what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

// What a person has to know before the page is opened.
void tell(const ReportArgs& args, const report::Found& found) {
  fmt::print(stderr, "{}: {} and {} of responses{}\n", args.output.empty() ? "report" : args.output,
             many(found.alerts, "alert"), many(found.receipts, "receipt"),
             found.rows.size() < found.alerts + found.receipts
                 ? fmt::format("; {} with all fields, the others counted (--rows)", found.rows.size())
                 : "");
  if (found.gaps + found.events_lost + found.alerts_lost > 0)
    fmt::print(stderr, "not everything was seen: {}, {} lost in the kernel, {} lost on their way\n",
               many(found.gaps, "gap"), many(found.events_lost, "event"), many(found.alerts_lost, "alert"));
}

Result<> make(const ReportArgs& args) {
  const bool to_terminal = (args.output.empty() || args.output == "-") && ::isatty(STDOUT_FILENO) == 1;
  if (to_terminal && !args.json)
    return fail("a page is nothing for a terminal: name a file (-o report.html), or take --json", Fault::kUser);
  const auto period = period_of(args, SystemClock().realtime_ns());
  if (!period) return tl::unexpected(period.error());
  AlertsArgs place;
  place.config_file = args.config_file;
  place.state_dir = args.state_dir;
  const auto reader = history::HistoryReader::open(history_folder(place));
  if (!reader) return tl::unexpected(reader.error());
  const auto found = gather(**reader, *period, args.rows);
  if (!found) return tl::unexpected(found.error());
  const auto facts = about(**reader, *period, args.run_dir);
  if (!facts) return tl::unexpected(facts.error());
  const std::string json = report::to_json(*found, *facts);
  std::string text = json + "\n";
  if (!args.json) {
    const auto fresh = nonce();
    if (!fresh) return tl::unexpected(fresh.error());
    text = report::to_page(json, "Tiercel report: " + (found->host.empty() ? facts->host : found->host), *fresh);
  }
  if (const auto written = write(args, text); !written) return written;
  tell(args, *found);
  return {};
}

}  // namespace

int report_page(const ReportArgs& args) {
  const auto made = make(args);
  return made ? 0 : report(made.error());
}

}  // namespace tiercel::cli
