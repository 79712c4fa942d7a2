// What the tests of the Wazuh agent share: the recorded frames, hexadecimal, a key, alerts, folders, waiting.
#pragma once

#include <stdlib.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "agent/alert/alert.h"
#include "siem/wazuh/frame.h"
#include "siem/wazuh/keys.h"

namespace tiercel::wazuh::test {

struct Vector {
  std::string source, id, name, raw_key, derived_key, message, plaintext, zlib, padded, wire;
  Cipher cipher = Cipher::kAes;
  bool from_agent = false;
  uint16_t random = 0;
  MessageCounter counter;
};
// wazuh-vectors.json: frames of a real agent and a real manager.
const std::vector<Vector>& vectors();

std::string from_hex(std::string_view hex);
std::string to_hex(std::string_view bytes);

inline AgentKey some_key() {
  return {"001", "real-agent", "any", "a6466156dedfc9539d338d5f58c6632c9810e18d8b6ef26e2fe54c29d6d7820e"};
}
inline Codec codec_of(const AgentKey& key) {
  return Codec(derive_key(key.id, key.name, key.key));
}

alert::AlertPtr make_alert(uint64_t number, alert::Priority priority);

class TempFolder {
 public:
  TempFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "tiercel-wazuh-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + '/' + name; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Polls until it holds; the limit is only there so that a broken program does not hang the tests.
template <class Condition>
bool eventually(Condition condition, int limit_s = 60) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(limit_s);
  while (std::chrono::steady_clock::now() < until) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return condition();
}

}  // namespace tiercel::wazuh::test
