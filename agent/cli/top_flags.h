// The commands that look at the running agent: status, top.
#pragma once

namespace CLI {
class App;
}

namespace tiercel::cli {

// What they return goes to `status`.
void add_look_commands(CLI::App& app, int& status);

}  // namespace tiercel::cli
