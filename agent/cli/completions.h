// Completions for shells, made from the command line's tree. Names of rules and outputs are asked of the program itself
// (`tiercel completions --words rules`), so they are those of the installed files. Pure; any thread.
#pragma once

#include <string>

#include "agent/cli/program_tree.h"

namespace tiercel::cli {

// shell: bash, zsh or fish.
[[nodiscard]] std::string completions_for(const Command& program, const std::string& shell);

}  // namespace tiercel::cli
