// The `process:` of a case: keys -> ProcessSpec, for the process itself and each of its parents. Used by case.cpp only.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "agent/casefile/case.h"
#include "agent/rule/yaml.h"
#include "decoders/compose.h"

namespace tiercel::casefile {

// Names of users and groups in one case. root is 0; a user without a number gets one from 1000 on.
class People {
 public:
  [[nodiscard]] static uint32_t id_of(std::vector<std::pair<uint32_t, std::string>>& known, const std::string& name);
  [[nodiscard]] decoders::IdsOf ids() const;
  std::vector<std::pair<uint32_t, std::string>> users, groups;
};

// `shared` (may be null) holds the file's own `process:`, whose keys hold where the case's have nothing to say.
// The process first, then its parents.
[[nodiscard]] std::vector<ProcessSpec> read_line(const rule::YamlNode* shared, const rule::YamlNode* node,
                                                 People& people, Diagnostics& diagnostics);

// Another child of the same parent: what it does not say is the first one's, but for the program.
[[nodiscard]] ProcessSpec read_sibling(const ProcessSpec& first, const rule::YamlNode& node, People& people,
                                       Diagnostics& diagnostics);

}  // namespace tiercel::casefile
