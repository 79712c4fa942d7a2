// ArConf: the manager's list of commands ("NAME - EXECUTABLE - TIMEOUT", one a line), which comes with a group's files.
// Pure values over hostile text: what is no such line is passed by, sizes are bounded. Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tiercel::response {

inline constexpr size_t kArConfBytesMax = 1u << 20;
inline constexpr uint32_t kTimeoutSMax = 10u * 365 * 86'400;

struct ArEntry {
  std::string name;        // the command's name and its timeout: "firewall-drop600"
  std::string executable;  // a file in active-response/bin
  uint32_t timeout_s = 0;  // 0: the response is not undone
  bool operator==(const ArEntry&) const = default;
};

// In the order of the text; of a name with several entries the first whose executable exists counts.
[[nodiscard]] std::vector<ArEntry> parse_ar_conf(std::string_view text);

}  // namespace tiercel::response
