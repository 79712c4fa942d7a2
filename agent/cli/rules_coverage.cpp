// tiercel rules coverage
#include <fmt/core.h>

#include <algorithm>
#include <cstdio>

#include "agent/alert/mitre.h"
#include "agent/attack/coverage.h"
#include "agent/base/fd.h"
#include "agent/cli/commands.h"
#include "agent/cli/json.h"
#include "agent/cli/rules_commands.h"
#include "agent/cli/rules_loaded.h"
#include "agent/cli/text.h"

namespace tiercel::cli {
namespace {

constexpr size_t kCellColumns = 16;

attack::Coverage covered_by(const rule::RuleSet& rules) {
  std::vector<attack::TaggedRule> tagged;
  for (rule::RuleId id = 0; id < rules.size(); ++id) {
    if (!rules.active(id)) continue;
    alert::Mitre mitre = alert::mitre_of(rules.rule(id).tags);
    tagged.push_back({rules.rule(id).name, std::move(mitre.techniques), std::move(mitre.tactics)});
  }
  return attack::coverage_of(tagged);
}

// A tactic a paragraph: its techniques with the number of their rules, within the terminal's width.
std::string to_text(const attack::Coverage& coverage, size_t width) {
  const Tints tints(colour_wanted(STDOUT_FILENO));
  const size_t per_line = std::max<size_t>(1, (width == 0 ? 120 : width) / kCellColumns);
  std::string out;
  for (const attack::Column& column : coverage.columns) {
    out += fmt::format("{}{}{}  {} of {} techniques, rules: {}\n", tints.bold(), column.tactic->title, tints.off(),
                       column.cells.size(), column.known, column.rules);
    for (size_t i = 0; i < column.cells.size(); ++i) {
      const attack::Cell& cell = column.cells[i];
      out += fmt::format("{}{:<10}{:>3}{}", i % per_line == 0 ? "  " : "", cell.technique->id, cell.rules.size(),
                         i % per_line == per_line - 1 || i + 1 == column.cells.size() ? "\n" : "   ");
    }
  }
  out += fmt::format("\n{} rules, {} of {} techniques that ATT&CK {} has for Linux or containers\n", coverage.rules,
                     coverage.techniques, coverage.known, attack::version());
  return out;
}

std::string to_json(const attack::Coverage& coverage) {
  Json out;
  out.open_object().put("attack", attack::version()).put_number("rules", coverage.rules);
  out.put_number("techniques", coverage.techniques).put_number("techniques_known", coverage.known);
  out.put_all("untagged", coverage.untagged).put_all("unknown", coverage.unknown).key("tactics").open_array();
  for (const attack::Column& column : coverage.columns) {
    out.open_object().put("name", column.tactic->name).put_number("techniques_known", column.known);
    out.put_number("rules", column.rules).key("techniques").open_array();
    for (const attack::Cell& cell : column.cells) {
      out.open_object().put("id", cell.technique->id).put("name", cell.technique->name).put_all("rules", cell.rules);
      out.close_object();
    }
    out.close_array().close_object();
  }
  return out.close_array().close_object().str() + "\n";
}

constexpr const char* kMarkdownHead =
    "# What the rules cover\n\nMade by `tiercel rules coverage --format markdown`, and not to be changed by hand "
    "(`make docs`).\n"
    "The same as a picture: [coverage.svg](coverage.svg); for the ATT&CK Navigator (\"Open Existing Layer\"):\n"
    "[attack_navigator_layer.json](attack_navigator_layer.json).\n\n";

std::string in_format(const attack::Coverage& coverage, const std::string& format) {
  if (format == "markdown") return kMarkdownHead + attack::to_markdown(coverage);
  if (format == "navigator") return attack::to_navigator(coverage);
  if (format == "svg") return attack::to_svg(coverage);
  if (format == "json") return to_json(coverage);
  return to_text(coverage, terminal_width());
}

}  // namespace

int rules_coverage(const RulesCoverageArgs& args) {
  const rule::Loaded loaded = load_described(args.rules.files);
  if (!loaded.rules || loaded.diagnostics.errors() > 0) return 1;
  const attack::Coverage coverage = covered_by(*loaded.rules);
  for (const std::string& one : coverage.unknown)
    fmt::print(stderr, "{}: no technique of ATT&CK {}; it is left out\n", one, attack::version());
  const std::string text = in_format(coverage, args.rules.json ? "json" : args.format);
  if (args.output.empty()) {
    std::fputs(text.c_str(), stdout);
  } else if (const auto written = write_file_atomically(args.output, text, 0644); !written) {
    return report(written.error());
  }
  return 0;
}

}  // namespace tiercel::cli
