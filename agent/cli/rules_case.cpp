// tiercel rules case: a recorded event as a case for `tiercel rules test`
#include <fmt/core.h>
#include <unistd.h>

#include <cstdio>

#include "agent/casefile/draft.h"
#include "agent/casefile/from_event.h"
#include "agent/casefile/run.h"
#include "agent/cli/commands.h"
#include "agent/cli/rules_commands.h"
#include "agent/cli/rules_loaded.h"

namespace tiercel::cli {
namespace {

std::string yaml_quoted(const std::string& text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out + "\"";
}

// --where is one more rule, so that it is read and judged like any other.
std::vector<rule::RuleText> where_rule(const std::string& condition) {
  if (condition.empty()) return {};
  return {{"--where", fmt::format("- rule: {}\n  desc: of --where\n  condition: {}\n  output: x\n  priority: DEBUG\n",
                                  yaml_quoted(casefile::kWhereRule), yaml_quoted(condition))}};
}

rule::Loaded load(const RulesCaseArgs& args) {
  rule::LoadOptions options;
  options.describe = true;
  options.lint = options.warn_unused = false;
  options.matching = rule::Matching::kAll;
  options.append_output.clear();
  rule::Loaded loaded =
      rule::load_paths(args.rules.files.empty() ? default_rules() : args.rules.files, options, where_rule(args.where));
  for (const Diagnostic& d : loaded.diagnostics.all())
    if (d.severity == Diagnostic::Severity::kError)
      std::fputs(loaded.diagnostics.render(d, colour_wanted(STDERR_FILENO)).c_str(), stderr);
  return loaded;
}

void print(const RulesCaseArgs& args, const casefile::MadeCase& made) {
  casefile::Draft rules = casefile::Draft::list();
  for (const std::string& file : args.rules.files.empty() ? default_rules() : args.rules.files)
    rules.items.emplace_back(file);
  fmt::print("rules: {}\ncases:\n{}", casefile::flow_text(rules), made.text);
}

}  // namespace

int rules_case(const RulesCaseArgs& args) {
  const rule::Loaded loaded = load(args);
  if (!loaded.rules || !loaded.description) return 1;
  casefile::CaseWish wish;
  wish.recording = args.recording;
  wish.rule = args.rules.rule;
  if (args.event != 0) wish.number = args.event;
  wish.nearest = args.nearest;
  wish.where = !args.where.empty();
  wish.name = args.name;
  if (wish.rule.empty() && !wish.number)
    return report(
        {"say which event: --rule NAME takes the first one for which that rule fires, --event NUMBER the "
         "one with that evt.num",
         Fault::kUser});
  if (!wish.rule.empty() && !loaded.description->rule(wish.rule)) return report(no_such_rule(loaded, wish.rule));
  if (wish.where && !loaded.rules->find(casefile::kWhereRule)) return 1;  // its mistake was told
  const auto made = casefile::make_case(loaded, wish);
  if (!made) return report(made.error());
  if (!made->same) {
    std::string message =
        fmt::format("event {} cannot be told as a case: the rules decide otherwise about it", made->number);
    for (const std::string& difference : made->differences) message += "\n  " + difference;
    std::fputs(made->text.c_str(), stderr);
    return report({message, Fault::kUser});
  }
  for (const std::string& difference : made->differences)
    fmt::print(stderr, "note: event {}: {}; the verdict is the same\n", made->number, difference);
  if (!made->fires)
    fmt::print(
        stderr,
        "note: event {} comes nearest (distance {}, {} comparisons hold); `tiercel rules why {}:{} '{}'` tells what "
        "stood in the way\n",
        made->number, made->distance, made->held, args.recording, made->number, args.rules.rule);
  print(args, *made);
  return 0;
}

}  // namespace tiercel::cli
