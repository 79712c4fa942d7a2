// The keys of `outputs`: each entry has a type, and the keys of its config depend on it. Inner to agent/config.
#pragma once

#include <string>
#include <vector>

#include "agent/config/config.h"
#include "agent/config/reading.h"

namespace tiercel::config {

// One entry as the file says it.
struct OutputDraft {
  std::string type;
  const TreeNode* config = nullptr;
  const TreeNode* type_node = nullptr;
  bool format_given = false;
  Output output;
};

inline constexpr uint64_t kPortMax = 65'535;
inline constexpr Word<WazuhManager::Protocol> kProtocols[] = {{"tcp", WazuhManager::Protocol::kTcp},
                                                              {"udp", WazuhManager::Protocol::kUdp}};

// given: whether the file has the key at all.
void read_outputs(Reading& reading, const TreeNode& node, std::vector<OutputDraft>& outputs, bool& given);

}  // namespace tiercel::config
