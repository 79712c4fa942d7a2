#include "agent/rule_options.h"

#include <fmt/core.h>

#include <utility>

namespace tiercel {
namespace {

rule::AppendOutput append_output_of(const config::AppendOutput& from) {
  rule::AppendOutput to;
  to.match_source = from.match.source;
  to.match_rule = from.match.rule;
  to.match_tags = from.match.tags;
  to.extra_output = from.extra_output;
  for (const auto& field : from.extra_fields) {
    if (field.format.empty())
      to.extra_fields.push_back(field.key);
    else
      to.extra_formatted_fields.emplace_back(field.key, field.format);
  }
  to.suggested_output = from.suggested_output;
  return to;
}

}  // namespace

rule::LoadOptions rule_options(const config::Config& config) {
  rule::LoadOptions options;
  options.lint = false;  // advice is for who writes rules: `tiercel rules check` gives it
  options.min_priority = static_cast<rule::Priority>(config.priority);
  options.matching = config.rule_matching == config::RuleMatching::kAll ? rule::Matching::kAll : rule::Matching::kFirst;
  options.append_output.clear();
  for (const config::AppendOutput& entry : config.append_output)
    options.append_output.push_back(append_output_of(entry));
  for (const config::RuleSelection& step : config.rules)
    options.selection.push_back({.enable = step.enable, .rule = step.rule, .tag = step.tag});
  return options;
}

void add_output_conditions(rule::LoadOptions& options, const config::Config& config, const std::string& file) {
  for (size_t n = 0; n < config.outputs.size(); ++n)
    if (!config.outputs[n].condition.empty())
      options.output_conditions.push_back(
          {fmt::format("{}: outputs[{}].config.condition", file, n), config.outputs[n].condition});
}

rule::StaticFields static_fields_of(const config::Config& config) {
  rule::StaticFields out;
  for (const config::StaticField& field : config.static_fields) out.emplace_back(field.key, field.value);
  return out;
}

}  // namespace tiercel
