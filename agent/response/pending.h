// What has to be undone later, on the disk: one file for each, written before the response takes effect, so that a
// firewall rule does not stay for ever because the agent was killed. Any thread, as long as two do not work on one
// entry. Blocks on the disk.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "agent/base/result.h"

namespace tiercel::response {

struct Pending {
  std::string id;       // of its file
  std::string command;  // as the manager named it
  std::string program;  // in active-response/bin
  std::string key;      // program and keys: a second response of the same key is not run
  std::string message;  // the delete command for the script
  uint32_t timeout_s = 0;
  uint64_t due_ns = 0;  // CLOCK_BOOTTIME; in the file CLOCK_REALTIME, since another boot may read it
  uint32_t attempts = 0;
  bool running = false;  // not in the file
};

class PendingStore {
 public:
  explicit PendingStore(std::string folder) : folder_(std::move(folder)) {}
  Result<> open();  // makes the folder
  Result<> save(const Pending& entry, uint64_t realtime_ns, uint64_t boottime_ns) const;
  void remove(const std::string& id) const;
  // What an earlier run left. Nothing is due later than its timeout from now, whatever the clock did. Files that are
  // not ours to read are logged and left alone.
  [[nodiscard]] std::vector<Pending> load(uint64_t realtime_ns, uint64_t boottime_ns) const;

 private:
  [[nodiscard]] std::string path_of(const std::string& id) const { return folder_ + "/" + id + ".json"; }
  std::string folder_;
  mutable std::mutex writing_;  // the same entry may be written by several commands at once
};

// Timeouts that grow with each repeat of the same key: from the response's own to the next longer one of the list.
// In memory, for at most 10,000 keys. One thread.
class Offenders {
 public:
  explicit Offenders(std::vector<uint32_t> minutes) : minutes_(std::move(minutes)) {}
  // Call once for each new response of a key.
  uint32_t timeout_s(const std::string& key, uint32_t own_timeout_s);

 private:
  std::vector<uint32_t> minutes_;
  std::vector<std::pair<std::string, uint32_t>> last_;  // oldest first
};

}  // namespace tiercel::response
