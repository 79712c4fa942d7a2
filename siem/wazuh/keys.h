// AgentKey: one line of client.keys in Wazuh's format, "ID NAME IP KEY", and the file that keeps it. SenderCounter: the
// pair of numbers that every frame carries and that must never fall, over restarts too.
//
// Threads: values; the file functions may block on the disk, so call them on a sink's thread. Errors name the file and
// the way out, never the key. Facts: client.keys and queue/rids of Wazuh 4.14.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/result.h"

namespace tiercel::wazuh {

struct AgentKey {
  std::string id;    // decimal, at least three digits
  std::string name;  // 2 to 128 of [A-Za-z0-9._-]
  std::string ip;    // "any", an address or a network
  std::string key;   // the raw key: printable, no blank
  bool operator==(const AgentKey&) const = default;
};

// One line without its newline. Removed agents (name begins with ! or #), comments and blank lines give no key.
[[nodiscard]] std::optional<AgentKey> parse_key_line(std::string_view line);
[[nodiscard]] std::string format_key_line(const AgentKey& key);  // without a newline
[[nodiscard]] std::vector<AgentKey> parse_key_file(std::string_view text);

[[nodiscard]] bool valid_agent_id(std::string_view id);
[[nodiscard]] bool valid_agent_name(std::string_view name);
// The host's name with every other character as "-", at most 128 bytes, at least 2.
[[nodiscard]] std::string agent_name_of_host(std::string_view host_name);

// The agent's key: the first one of the file. No file: an empty optional. Anything else that is wrong is an error.
[[nodiscard]] Result<std::optional<AgentKey>> read_agent_key(const std::string& path);
// Whole file, mode 0640, atomically.
[[nodiscard]] Result<> write_key_file(const std::string& path, const std::vector<AgentKey>& keys);

// What K: carries when an agent enrols again: the manager compares it and keeps a key that is still good.
[[nodiscard]] std::string key_hash(const AgentKey& key);

struct MessageCounter {
  uint32_t global = 0;
  uint32_t local = 0;
  auto operator<=>(const MessageCounter&) const = default;
};

// local runs from 1 to 9997, then global grows. global begins at the Unix time or after what the file says, whichever
// is more, so neither a lost file nor a clock that went back makes it fall. Not thread-safe.
class SenderCounter {
 public:
  static constexpr uint32_t kLocalMax = 9997;

  // path may be empty: kept in memory only. A file that cannot be read counts as none.
  SenderCounter(std::string path, uint64_t unix_time_s);
  [[nodiscard]] MessageCounter next();
  // Before a connection: another process may have spoken in the agent's name meanwhile, and said so in the file.
  void catch_up();
  [[nodiscard]] const std::string& trouble() const { return trouble_; }  // the last failed write; empty: none

 private:
  void save();
  std::string path_;
  std::string trouble_;
  MessageCounter last_;
};

}  // namespace tiercel::wazuh
