// Reads the comments of the shipped tiercel.yaml, which are the manual of its keys. Its form:
//   # --- Title ---            begins a part
//   # Text                     about the key below, up to an empty line
//   key: value                 a key; "#key: value" shows the default; "# key: value" an example of one that has none
//   #  - key: value  # Text    goes on with a "#key:" above, "#  # key:" is an example there; the text may stand behind
// An output of a type is "outputs[slack]". A key of an output that its own block does not name is told about where the
// first output has it. Pure; any thread. Inner to agent/config and its test.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/config/key_info.h"

namespace tiercel::config {

struct Shipped {
  std::vector<std::string> named;            // keys that hold values, in the file's order, as often as they stand there
  std::vector<std::string> unknown;          // what looks like a key and is none, with its line
  std::map<std::string, std::string> about;  // keys and sections
  std::map<std::string, std::string> titles;  // of keys of the top level
  std::vector<std::string> order;             // those keys as the file has them

  [[nodiscard]] std::string about_of(const std::string& path) const;
};

[[nodiscard]] Shipped read_shipped(std::string_view text, std::span<const KeyInfo> keys);

}  // namespace tiercel::config
