// The command line as plain values, read from CLI11's tree (and the table of `tiercel falco`'s flags): what manual
// pages and completions are made of. Made on the main thread before anything else runs.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace tiercel::cli {

struct Argument {
  std::vector<std::string> names;  // "--config", "-c"; of a positional one its name alone
  std::string about;
  std::vector<std::string> words;  // that it takes; empty: anything
  std::string fallback;            // what it is when nobody says
  bool takes_value = true;
  bool required = false;
  bool many = false;
};

struct Command {
  std::string name;
  std::string about, footer;
  std::vector<Argument> options, positionals;
  std::vector<Command> commands;
};

[[nodiscard]] Command program_tree(const CLI::App& app);

}  // namespace tiercel::cli
