// tiercel outputs list | test
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <optional>

#include "agent/base/log.h"
#include "agent/cli/commands.h"
#include "agent/cli/json.h"
#include "agent/config/load.h"
#include "agent/config/output_names.h"
#include "agent/outputs_test.h"

namespace tiercel::cli {
namespace {

constexpr const char* kDefaultConfig = "/etc/tiercel/tiercel.yaml";

// As the agent reads it; its mistakes on standard error.
std::optional<config::Config> configuration(const std::string& file) {
  Diagnostics diagnostics;
  auto config = config::load(file.empty() ? kDefaultConfig : file, diagnostics);
  if (!config) std::fputs(diagnostics.render_all(::isatty(STDERR_FILENO) != 0).c_str(), stderr);
  return config;
}

std::string priority_of(const config::Output& output) {
  return std::string(display_name(static_cast<Priority>(output.priority)));
}

}  // namespace

int outputs_list(const std::string& config_file, bool json) {
  const auto config = configuration(config_file);
  if (!config) return 1;
  const std::vector<std::string> names = config::output_names(config->outputs);
  Json out;
  out.open_object().key("outputs").open_array();
  size_t width = 4;
  for (const std::string& name : names) width = std::max(width, name.size());
  if (!json) fmt::print("{:{}}  {:16}  {:13}  {}\n", "NAME", width, "TYPE", "PRIORITY", "TO");
  for (size_t i = 0; i < names.size(); ++i) {
    const config::Output& output = config->outputs[i];
    const std::string type(config::output_type(output));
    if (!json)
      fmt::print("{:{}}  {:16}  {:13}  {}{}\n", names[i], width, type, priority_of(output), place_of(output),
                 output.condition.empty() ? "" : ", where " + output.condition);
    out.open_object().put("name", names[i]).put("type", type).put("priority", priority_of(output));
    out.put("condition", output.condition).put("to", place_of(output)).close_object();
  }
  out.close_array().close_object();
  if (json) out.print();
  return 0;
}

int outputs_test(const OutputsTestArgs& args) {
  const auto config = configuration(args.config_file);
  if (!config) return 1;
  log::set_level(log::Level::kError);  // the answer is what is printed
  const std::vector<std::string> names = config::output_names(config->outputs);
  if (!args.name.empty() && std::find(names.begin(), names.end(), args.name) == names.end()) {
    std::string known;
    for (const std::string& name : names) known += (known.empty() ? "" : ", ") + name;
    return report({fmt::format("no output is called {}; there are: {}", args.name, known), Fault::kUser});
  }
  Json out;
  out.open_object().key("outputs").open_array();
  bool well = true;
  for (size_t i = 0; i < names.size(); ++i) {
    if (!args.name.empty() && names[i] != args.name) continue;
    const OutputTest test =
        test_output(*config, config->outputs[i], names[i], static_cast<int>(args.timeout_s) * 1'000);
    using Result = OutputTest::Result;
    well = well && (test.result == Result::kTaken || (test.result == Result::kNotTried && args.name.empty()));
    const std::string word(word_of(test.result));
    if (!args.json) fmt::print("{}: {}{}\n", names[i], word, test.answer.empty() ? "" : " (" + test.answer + ")");
    out.open_object().put("name", names[i]).put("type", config::output_type(config->outputs[i]));
    out.put("result", word).put("answer", test.answer).close_object();
  }
  out.close_array().close_object();
  if (args.json) out.print();
  return well ? 0 : 1;
}

}  // namespace tiercel::cli
