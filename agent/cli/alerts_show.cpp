// tiercel alerts show
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "agent/alert/json.h"
#include "agent/attack/table.h"
#include "agent/base/clock.h"
#include "agent/base/time_text.h"
#include "agent/cli/alerts.h"
#include "agent/cli/commands.h"
#include "agent/cli/event_view.h"
#include "agent/cli/text.h"
#include "agent/cli/when.h"
#include "agent/response/responder.h"

namespace tiercel::cli {
namespace {

using history::HistoryReader;
using history::HistoryRow;

constexpr size_t kWidthWithoutTerminal = 100;
constexpr uint64_t kSecondNs = 1'000'000'000;
constexpr size_t kReceiptsLookedAt = 10'000;

// What the head says already.
bool in_the_head(const std::string& name) {
  for (const char* known : {"schema", "id", "time", "rule", "priority", "output", "tags", "truncated"})
    if (name == known) return true;
  return name.starts_with("mitre.");
}

void print_row(const Tints& tint, const std::string& name, const std::string& value, size_t columns, size_t width) {
  const size_t indent = columns + 4;
  fmt::print("  {}{:{}}{}  {}\n", tint.dim(), name, columns, tint.off(), wrapped(value, indent, width));
}

// https://attack.mitre.org/techniques/T1059/004/
std::string link_of(std::string id) {
  std::replace(id.begin(), id.end(), '.', '/');
  return "https://attack.mitre.org/techniques/" + id + "/";
}

std::string joined(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) out += (out.empty() ? "" : ", ") + text;
  return out;
}

// What the responses said of it; they may be told before it, since they are critical, and long after it.
Result<std::vector<HistoryRow>> receipts(HistoryReader& reader, const HistoryRow& about) {
  history::HistoryQuery query;
  query.rule = response::kReceiptRule;
  query.since_ns = about.time_ns - std::min(about.time_ns, kSecondNs);
  auto rows = reader.read(query, kReceiptsLookedAt);
  if (!rows) return rows;
  std::erase_if(*rows, [&about](const HistoryRow& row) {
    return EventView(row.event_json).text({"field", "response_alert_id"}) != about.id;
  });
  return rows;
}

void print_whole(const HistoryRow& row, const std::vector<HistoryRow>& responses) {
  const bool colour = colour_wanted(STDOUT_FILENO);
  const Tints tint(colour);
  const size_t width = terminal_width() == 0 ? kWidthWithoutTerminal : terminal_width();
  const EventView event(row.event_json);
  const uint64_t now_ns = SystemClock().realtime_ns();
  fmt::print("{}{}{}  {}{}{}\n", tint.priority(display_name(row.priority)), display_name(row.priority), tint.off(),
             tint.bold(), wrapped(event.text({"rule"}), 2, width), tint.off());
  fmt::print("{} ({})\n\n  {}\n\n", datetime_local(row.time_ns), ago(row.time_ns, now_ns),
             wrapped(event.text({"output"}), 2, width));
  const auto leaves = event.leaves();
  size_t columns = 9;
  for (const auto& [name, value] : leaves)
    if (!in_the_head(name)) columns = std::max(columns, columns_of(name));
  columns = std::min<size_t>(columns, 32);
  print_row(tint, "id", row.id, columns, width);
  if (const auto tags = event.list({"tags"}); !tags.empty()) print_row(tint, "tags", joined(tags), columns, width);
  for (const std::string& id : event.list({"mitre", "technique"})) {
    const attack::Technique* known = attack::find(id);
    print_row(tint, "technique", fmt::format("{} {}  {}", id, known ? known->name : "", link_of(id)), columns, width);
  }
  if (const auto tactics = event.list({"mitre", "tactic"}); !tactics.empty())
    print_row(tint, "tactic", joined(tactics), columns, width);
  for (const auto& [name, value] : leaves)
    if (!in_the_head(name)) print_row(tint, name, value, columns, width);
  if (const auto cut = event.list({"truncated"}); !cut.empty())
    print_row(tint, "truncated", joined(cut), columns, width);
  if (responses.empty()) return;
  fmt::print("\n{}Responses{}\n", tint.bold(), tint.off());
  for (const HistoryRow& response : responses)
    fmt::print("  {}  {}\n", time_local(response.time_ns).substr(0, 12),
               wrapped(EventView(response.event_json).text({"output"}), 16, width));
}

Result<> show(const AlertsArgs& args) {
  auto reader = HistoryReader::open(history_folder(args));
  if (!reader) return tl::unexpected(reader.error());
  history::HistoryQuery query;
  query.newest = true;
  if (args.id != "last") query.id = args.id;
  auto rows = (*reader)->read(query, 1);
  if (!rows) return tl::unexpected(rows.error());
  if (rows->empty())
    return fail("the history has no alert '" + args.id +
                    "': `tiercel alerts --full` shows the ids (tiercel.id in JSON and at the manager); what is older "
                    "than history.age_days_max is gone",
                Fault::kUser);
  const HistoryRow& row = rows->front();
  auto responses = receipts(**reader, row);
  if (!responses) return tl::unexpected(responses.error());
  if (!args.json) {
    print_whole(row, *responses);
    return {};
  }
  std::string out = R"({"alert":)" + row.event_json + R"(,"responses":[)";
  for (const HistoryRow& response : *responses)
    out += (&response == &responses->front() ? "" : ",") + response.event_json;
  std::printf("%s]}\n", out.c_str());
  return {};
}

}  // namespace

int alerts_show(const AlertsArgs& args) {
  auto shown = show(args);
  return shown ? 0 : report(shown.error());
}

}  // namespace tiercel::cli
