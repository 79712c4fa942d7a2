// Short words for the check-list tests of the loader: what was said, where, and which rules an event meets.
#pragma once

#include <string>
#include <vector>

#include "rule_support.h"

namespace tiercel::rule::test {

inline LoadOptions all_matches(bool strict = true) {
  LoadOptions options = plain_options(strict);
  options.matching = Matching::kAll;
  return options;
}

// "CODE message" of every error, in order, strict.
inline std::string strict_errors(const std::string& text) {
  return errors_of(load(text, plain_options(true)));
}
inline std::string strict_warnings(const std::string& text) {
  return warnings_of(load(text, plain_options(true)));
}

// "line:column CODE" of every diagnostic of that severity.
inline std::vector<std::string> places(const Loaded& loaded, Diagnostic::Severity severity) {
  std::vector<std::string> out;
  for (const Diagnostic& d : loaded.diagnostics.all())
    if (d.severity == severity)
      out.push_back(std::to_string(d.position.line) + ":" + std::to_string(d.position.column) + " " + d.code);
  return out;
}
inline std::vector<std::string> error_places(const std::string& text, bool strict = true) {
  return places(load(text, plain_options(strict)), Diagnostic::Severity::kError);
}
inline std::vector<std::string> warning_places(const std::string& text, bool strict = true) {
  return places(load(text, plain_options(strict)), Diagnostic::Severity::kWarning);
}

// The names of the rules that match, in matching order, each followed by a blank. The text has to load.
inline std::string hits(const std::vector<RuleText>& texts, const context::Event& event,
                        const LoadOptions& options = all_matches()) {
  const Loaded loaded = load_texts(texts, options);
  if (!loaded.rules) throw std::runtime_error("the rules do not load:\n" + loaded.diagnostics.render_all());
  Matcher matcher(loaded.rules);
  std::string out;
  for (const Match& match : matcher.match(event)) out += loaded.rules->rule(match.rule).name + " ";
  return out;
}
inline std::string hits(const std::string& text, const context::Event& event, bool strict = true) {
  return hits({{"rules.yaml", text}}, event, all_matches(strict));
}

// The one rule of a text that has to load with one.
inline Rule only_rule(const std::string& text, bool strict = true) {
  const Loaded loaded = load(text, plain_options(strict));
  if (!loaded.rules || loaded.rules->size() != 1)
    throw std::runtime_error("one rule is expected:\n" + loaded.diagnostics.render_all());
  return loaded.rules->rule(0);
}

// A list of YAML items from lines: rules are long to write.
inline std::string rule_item(const std::string& name, const std::string& condition, const std::string& extra = "") {
  return "- rule: " + name + "\n  desc: d\n  condition: " + condition + "\n  output: o\n  priority: INFO\n" + extra;
}

}  // namespace tiercel::rule::test
