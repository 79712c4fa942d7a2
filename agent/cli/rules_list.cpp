// tiercel rules list
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <optional>

#include "agent/alert/mitre.h"
#include "agent/cli/commands.h"
#include "agent/cli/json.h"
#include "agent/cli/rules_commands.h"
#include "agent/cli/rules_loaded.h"
#include "agent/cli/text.h"
#include "agent/rule/load.h"

namespace tiercel::cli {
namespace {

constexpr size_t kPriorityColumns = 15;
constexpr size_t kNameColumnsMax = 60;

struct Row {
  const rule::Rule* rule = nullptr;
  bool active = true;
  alert::Mitre mitre;
  std::vector<std::string> tags;  // those that say something else
  [[nodiscard]] std::string place() const { return fmt::format("{}:{}", rule->position.file, rule->position.line); }
};

std::string joined(const std::vector<std::string>& words, const char* between) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : between) + word;
  return out;
}

Row row_of(const rule::RuleSet& rules, rule::RuleId id) {
  Row out{&rules.rule(id), rules.active(id), alert::mitre_of(rules.rule(id).tags), {}};
  for (const std::string& tag : out.rule->tags) {
    const alert::Mitre one = alert::mitre_of({tag});
    if (one.tactics.empty() && one.techniques.empty()) out.tags.push_back(tag);
  }
  return out;
}

const char* tint_of(rule::Priority priority, const Tints& tints) {
  return priority <= rule::Priority::kError ? tints.red() : priority <= rule::Priority::kWarning ? tints.yellow() : "";
}

// Two lines a rule, within the terminal's width.
void print_rows(const std::vector<Row>& rows, size_t width) {
  const Tints tints(colour_wanted(STDOUT_FILENO));
  for (const Row& row : rows) {
    const std::string name = row.rule->name + (row.active ? "" : " (not enabled)");
    const std::string place = row.place();
    const size_t used = kPriorityColumns + columns_of(name);
    const bool fits = used + 2 + columns_of(place) <= width;
    fmt::print("{}{:<15}{}{}{}{}", tint_of(row.rule->priority, tints), rule::display_name(row.rule->priority),
               tints.off(), tints.bold(), cut(name, width - kPriorityColumns), tints.off());
    if (fits)
      fmt::print("{}{}{}{}", std::string(width - used - columns_of(place), ' '), tints.dim(), place, tints.off());
    std::vector<std::string> parts;
    for (const auto* words : {&row.mitre.techniques, &row.mitre.tactics, &row.tags})
      if (!words->empty()) parts.push_back(joined(*words, " "));
    if (row.rule->threshold) parts.push_back(to_string(*row.rule->threshold));
    std::string second = joined(parts, " | ");
    if (!fits) second += (second.empty() ? "" : " | ") + place;
    fmt::print("\n");
    if (!second.empty())
      fmt::print("{}{}{}{}\n", std::string(kPriorityColumns, ' '), tints.dim(),
                 wrapped(second, kPriorityColumns, width), tints.off());
  }
}

// One line a rule, in columns: for grep, awk and files.
void print_lines(const std::vector<Row>& rows) {
  size_t names = 0, techniques = 0, tactics = 0;
  for (const Row& row : rows) {
    names = std::max(names, std::min(kNameColumnsMax, columns_of(row.rule->name)));
    techniques = std::max(techniques, joined(row.mitre.techniques, ",").size());
    tactics = std::max(tactics, joined(row.mitre.tactics, ",").size());
  }
  for (const Row& row : rows) {
    auto dash = [](std::string text) { return text.empty() ? std::string("-") : text; };
    fmt::print("{:<13}  {:<{}}  {:<{}}  {:<{}}  {}  {}{}\n", rule::display_name(row.rule->priority), row.rule->name,
               names, dash(joined(row.mitre.techniques, ",")), std::max<size_t>(techniques, 1),
               dash(joined(row.mitre.tactics, ",")), std::max<size_t>(tactics, 1), row.place(),
               dash(joined(row.tags, ",")), row.active ? "" : "  (not enabled)");
  }
}

std::string state_of(const rule::Response& response) {
  return !response.enabled ? " (not enabled)" : response.dry_run ? " (dry run)" : "";
}

void print_responses(const std::vector<const rule::Response*>& responses, size_t width) {
  const Tints tints(colour_wanted(STDOUT_FILENO));
  for (const rule::Response* response : responses) {
    const std::string place = fmt::format("{}:{}", response->position.file, response->position.line);
    const std::string what = fmt::format("{} | {} | {}", to_string(response->action), response->condition, place);
    if (width == 0) {
      fmt::print("{:<13}  {}{}  {}\n", "Response", response->name, state_of(*response), what);
      continue;
    }
    fmt::print("{:<15}{}{}{}{}\n", "Response", tints.bold(),
               cut(response->name + state_of(*response), width - kPriorityColumns), tints.off(), "");
    fmt::print("{}{}{}{}\n", std::string(kPriorityColumns, ' '), tints.dim(), wrapped(what, kPriorityColumns, width),
               tints.off());
  }
}

void print_json(const std::vector<Row>& rows, const std::vector<const rule::Response*>& responses) {
  Json out;
  out.open_array();
  for (const Row& row : rows) {
    out.open_object().put("name", row.rule->name).put("description", row.rule->description);
    out.put("priority", rule::display_name(row.rule->priority)).put("source", row.rule->source);
    out.put_all("tags", row.rule->tags);
    put_threshold(out, *row.rule);
    out.key("mitre").open_object().put_all("techniques", row.mitre.techniques);
    out.put_all("tactics", row.mitre.tactics).close_object();
    out.put_bool("active", row.active).put_position(row.rule->position).close_object();
  }
  for (const rule::Response* response : responses) put_response(out, *response);
  out.close_array().print();
}

bool wanted(const Row& row, const std::vector<std::string>& tags, std::optional<rule::Priority> least) {
  if (least && row.rule->priority > *least) return false;
  if (tags.empty()) return true;
  return std::any_of(row.rule->tags.begin(), row.rule->tags.end(),
                     [&](const std::string& tag) { return std::find(tags.begin(), tags.end(), tag) != tags.end(); });
}

}  // namespace

int rules_list(const RulesListArgs& args) {
  std::optional<rule::Priority> least;
  if (!args.priority.empty()) {
    const auto number = priority_number(args.priority);
    if (number) least = static_cast<rule::Priority>(*number);
    if (!number)
      return report(
          {"--priority takes emergency, alert, critical, error, warning, notice, informational or debug, not '" +
               args.priority + "'",
           Fault::kUser});
  }
  rule::LoadOptions options;
  options.lint = options.warn_unused = false;
  const rule::Loaded loaded = rule::load_paths(args.rules.files.empty() ? default_rules() : args.rules.files, options);
  std::fputs(loaded.diagnostics.render_all(colour_wanted(STDERR_FILENO)).c_str(), stderr);
  if (!loaded.rules) return 1;
  std::vector<Row> rows;
  for (rule::RuleId id = 0; id < loaded.rules->size(); ++id)
    if (Row row = row_of(*loaded.rules, id); wanted(row, args.tags, least)) rows.push_back(std::move(row));
  std::vector<const rule::Response*> responses;  // they have neither tags nor a priority
  if (args.tags.empty() && !least)
    for (const rule::Response& response : loaded.rules->responses()) responses.push_back(&response);
  const size_t width = terminal_width();
  if (args.rules.json)
    print_json(rows, responses);
  else if (width > 0)
    print_rows(rows, width);
  else
    print_lines(rows);
  if (!args.rules.json) print_responses(responses, width);
  return loaded.diagnostics.errors() > 0 ? 1 : 0;
}

}  // namespace tiercel::cli
