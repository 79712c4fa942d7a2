// How an alert of the history looks.
#include <fmt/core.h>

#include "agent/alert/json.h"
#include "agent/base/priority.h"
#include "agent/base/time_text.h"
#include "agent/cli/alerts.h"
#include "agent/cli/event_view.h"
#include "agent/cli/text.h"

namespace tiercel::cli {
namespace {

using history::HistoryRow;

constexpr size_t kDateColumns = 10;  // 2026-11-28
constexpr const char* kKeyLetters = "abcdefghijklmnopqrstuvwxyz0123456789_.";

std::string escaped(std::string_view text) {
  std::string out;
  alert::append_escaped(out, text);
  return out;
}

// "18:27:01" of today, "Nov 27 18:27:01" of another day of this year, else with its year; for pipes always the same.
std::string time_of(const HistoryRow& row, const AlertLook& look) {
  const std::string at = datetime_local_seconds(row.time_ns);
  if (look.width == 0) return datetime_local(row.time_ns).substr(0, at.size() + 4);
  const std::string today = datetime_local_seconds(look.now_ns).substr(0, kDateColumns);
  return at.starts_with(today) ? at.substr(kDateColumns + 1) : at;
}

// Rules' texts are a sentence that says the rule's name once more, and then (key=value ...), much longer than a line.
// What is left of such a one at the end of a line tells nothing: there stands what was touched, by which command, of
// whom.
std::string in_brief(const EventView& event, const std::string& text, size_t room) {
  if (columns_of(text) <= room) return text;
  const size_t list = text.find(" (");
  const size_t key_end = list == std::string::npos ? list : text.find_first_not_of(kKeyLetters, list + 2);
  if (key_end == std::string::npos || text[key_end] != '=') return text;
  const std::string command = event.text({"proc", "cmdline"}), object = event.text({"fd", "name"});
  if (command.empty()) return text;
  std::string out = object.empty() || command.find(object) != std::string::npos ? command : object + " by " + command;
  if (const std::string user = event.text({"user", "name"}); !user.empty()) out += ", user " + user;
  if (const std::string parent = event.text({"proc", "pname"}); !parent.empty()) out += ", parent " + parent;
  return out;
}

}  // namespace

std::string alert_text(const HistoryRow& row, const AlertLook& look, size_t times) {
  const Tints tint(look.colour);
  const std::string when = time_of(row, look);
  const std::string priority(row.priority == Priority::kInformational ? "Info" : display_name(row.priority));
  const EventView event(row.event_json);
  const std::string container = event.container();
  std::string where = container.empty() ? "" : " [" + container + "]";
  if (times > 1) where = fmt::format(" x{}{}", times, where);
  const std::string rule = escaped(row.rule);
  const std::string text = escaped(row.text);
  constexpr size_t kPriorityColumns = 9;
  const size_t before = when.size() + 1 + kPriorityColumns + 1;
  const auto head = [&](const std::string& name, const std::string& place) {
    return fmt::format("{}{}{} {}{:{}}{} {}{}{}{}{}{}", tint.dim(), when, tint.off(),
                       tint.priority(display_name(row.priority)), priority, kPriorityColumns, tint.off(), tint.bold(),
                       name, tint.off(), tint.cyan(), place, tint.off());
  };
  if (look.full) {
    const std::string indent = "\n" + std::string(before, ' ');
    return head(rule, where) + indent + wrapped(text, before, look.width) + indent + tint.dim() + row.id + tint.off();
  }
  if (look.width == 0) return head(rule, where) + ": " + text;
  const size_t room = look.width > before ? look.width - before : 0;
  const std::string place = cut(where, room / 3),
                    name = cut(rule, room * 3 / 5 - std::min(room / 5, columns_of(place)));
  const size_t used = columns_of(name) + columns_of(place) + 2;
  return head(name, place) + (used + 8 > room ? "" : ": " + cut(in_brief(event, text, room - used), room - used));
}

}  // namespace tiercel::cli
