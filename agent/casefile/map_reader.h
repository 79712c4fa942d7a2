// MapReader: one map of a case file, key by key, with a message and a position for each key that is unknown, given
// twice or of the wrong shape. The keys that are asked for are the keys that there are.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/diagnostic.h"
#include "agent/rule/yaml.h"

namespace tiercel::casefile {

class MapReader {
 public:
  // what: "the process", for messages. A node that is no map is an error (a null is an empty map).
  MapReader(const rule::YamlNode& node, std::string what, Diagnostics& diagnostics);

  [[nodiscard]] const rule::YamlNode* node(std::string_view key);
  std::optional<std::string> text(std::string_view key);
  std::optional<bool> boolean(std::string_view key);
  // A whole number between the two, both included.
  std::optional<int64_t> number(std::string_view key, int64_t least, int64_t most);
  // A text or a list of texts.
  std::optional<std::vector<std::string>> texts(std::string_view key);

  // After the last key: tells of those that nobody asked for.
  void finish();
  void error(const rule::YamlNode& at, std::string message, std::string hint = {});
  [[nodiscard]] const rule::YamlNode& map() const { return node_; }

 private:
  const rule::YamlNode& node_;
  std::string what_;
  Diagnostics& diagnostics_;
  std::vector<std::string_view> known_;
};

// Words of a command line: blanks separate, quotes and backslashes keep together.
[[nodiscard]] std::vector<std::string> split_words(std::string_view text);
[[nodiscard]] std::optional<std::vector<std::string>> texts_of(const rule::YamlNode& node);

}  // namespace tiercel::casefile
