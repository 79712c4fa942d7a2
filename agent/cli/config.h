// tiercel config check | keys, and the words that completions ask for. Each returns the exit status.
#pragma once

#include <string>

namespace tiercel::cli {

// Without a file, the installed one.
int config_check(const std::string& file, bool json);
// format: text, markdown, json-schema or yaml
int config_keys(const std::string& format);
// what: rules or outputs. Nothing is said where there are none.
int completion_words(const std::string& what);

}  // namespace tiercel::cli
