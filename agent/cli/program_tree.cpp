#include "agent/cli/program_tree.h"

#include <CLI/CLI.hpp>

#include "agent/cli/falco_flags.h"

namespace tiercel::cli {
namespace {

// CLI11 keeps the words of IsMember in the type's name alone: "TEXT:{text,markdown,json}".
std::vector<std::string> words_of(const std::string& type) {
  const size_t open = type.find('{');
  const size_t close = type.rfind('}');
  std::vector<std::string> words;
  if (open == std::string::npos || close == std::string::npos) return words;
  std::string word;
  for (char c : type.substr(open + 1, close - open)) {
    if (c == ',' || c == '}') {
      if (!word.empty()) words.push_back(word);
      word.clear();
    } else {
      word += c;
    }
  }
  return words;
}

Argument argument_of(const CLI::Option& option) {
  Argument out;
  if (option.get_positional()) {
    out.names.push_back(option.get_name(true));
  } else {
    for (const std::string& name : option.get_lnames()) out.names.push_back("--" + name);
    for (const std::string& name : option.get_snames()) out.names.push_back("-" + name);
  }
  out.about = option.get_description();
  out.words = words_of(option.get_type_name());
  out.fallback = option.get_default_str();
  out.takes_value = option.get_items_expected_max() > 0;
  out.required = option.get_required();
  out.many = option.get_items_expected_max() > 1;
  return out;
}

Command command_of(const CLI::App& app) {
  Command out;
  out.name = app.get_name();
  out.about = app.get_description();
  out.footer = app.get_footer();
  for (const CLI::Option* option : app.get_options())
    (option->get_positional() ? out.positionals : out.options).push_back(argument_of(*option));
  for (const CLI::App* command : app.get_subcommands(nullptr)) out.commands.push_back(command_of(*command));
  if (out.name != "falco") return out;
  out.options.clear();
  for (const FalcoFlag& flag : falco_flags()) {
    Argument& option = out.options.emplace_back();
    option.names = flag.names;
    option.about = flag.about;
    option.takes_value = flag.takes_value;
  }
  return out;
}

}  // namespace

Command program_tree(const CLI::App& app) {
  Command out = command_of(app);
  out.name = "tiercel";
  return out;
}

}  // namespace tiercel::cli
