// The commands that tell about the program itself: config, completions, help.
#pragma once

namespace CLI {
class App;
}

namespace tiercel::cli {

// To be added last: `help` and `completions` read the tree as it is when they run. Errors: their exit status in
// `status`.
void add_help_commands(CLI::App& app, int& status);

}  // namespace tiercel::cli
