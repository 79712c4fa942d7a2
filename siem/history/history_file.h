// HistoryFile: the history's rows on disk, as its writer has them. Metadata and events are in tables of their own, so a
// search by time or rule reads little. One thread. Errors are siem::Trouble; after one the file is opened anew.
// What others read: history.h.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>

#include "siem/database.h"
#include "siem/spool.h"

namespace tiercel::history {

inline constexpr uint64_t kSchema = 1;
[[nodiscard]] inline std::string file_in(const std::string& folder) {
  return folder + "/history.db";
}

class HistoryFile {
 public:
  // now_ns: wall clock; numbers of a new file begin there, in us, so that they are above those of the one before it.
  static siem::Outcome<std::unique_ptr<HistoryFile>> open(const std::string& path, uint64_t now_ns);

  struct Limits {
    uint64_t size_bytes_max = 0;
    uint64_t older_than_ns = 0;  // rows from before go; 0: none
  };
  struct Written {
    uint64_t rows = 0;  // without those that were there already
    uint64_t removed_for_size = 0, removed_for_age = 0;
  };
  // One transaction.
  siem::Outcome<Written> write(std::span<const siem::Row> rows, const Limits& limits);
  // Gives freed pages back to the file system, some at a time.
  void tidy();

 private:
  struct Rule {
    uint64_t id = 0;
    uint64_t rows = 0, bytes = 0;               // in the file
    uint64_t removed = 0, removed_last_ns = 0;  // by the limits
    bool changed = false;
  };
  explicit HistoryFile(std::string path) : path_(std::move(path)) {}
  siem::Outcome<> take_state(uint64_t now_ns);
  siem::Outcome<> apply(std::span<const siem::Row> rows, const Limits& limits, Written& written);
  siem::Outcome<bool> insert(const siem::Row& row);
  siem::Outcome<> remove_old(uint64_t older_than_ns, Written& written);
  siem::Outcome<> keep_size(uint64_t size_bytes_max, Written& written);
  struct Victim {
    uint64_t seq = 0, bytes = 0, time_ns = 0;
  };
  siem::Outcome<> remove(Rule& rule, const Victim& victim);
  siem::Outcome<uint64_t> remove_oldest_of(Rule& rule, uint64_t bytes, Written& written);
  siem::Outcome<> write_rules();
  [[nodiscard]] bool still_there() const;

  const std::string path_;
  uint64_t inode_ = 0;
  std::unique_ptr<siem::Database> database_;
  uint64_t last_seq_ = 0;
  std::map<std::string, Rule, std::less<>> rules_;
  std::map<uint64_t, Rule*> rules_by_id_;
};

}  // namespace tiercel::history
