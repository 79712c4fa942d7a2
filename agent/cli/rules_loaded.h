// Loading rules for a tool that is about one of them or all: mistakes go to standard error.
#pragma once

#include <string>
#include <vector>

#include "agent/base/result.h"
#include "agent/cli/json.h"
#include "agent/rule/describe.h"
#include "agent/rule/load.h"

namespace tiercel::cli {

// With descriptions. Errors are printed; warnings are `tiercel rules check`'s to tell.
[[nodiscard]] rule::Loaded load_described(const std::vector<std::string>& files,
                                          rule::Matching matching = rule::Matching::kFirst);
// Falco's JSON description of everything, or of one rule; loaded with LoadOptions::describe.
[[nodiscard]] std::string description_json(const rule::Loaded& loaded, const rule::RuleDescription* only = nullptr);
// The key "threshold" of a rule that counts; nothing for others.
void put_threshold(Json& out, const rule::Rule& rule);
// A response as an object: its name, condition, action and switches.
void put_response(Json& out, const rule::Response& response);
// nullptr: there is none of that name.
[[nodiscard]] const rule::Response* response_named(const rule::Loaded& loaded, const std::string& name);
// "there is no rule 'x'", with the nearest name, or why it was left out.
[[nodiscard]] Error no_such_rule(const rule::Loaded& loaded, const std::string& name);

}  // namespace tiercel::cli
