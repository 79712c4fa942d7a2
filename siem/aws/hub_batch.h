// Batch: the findings that wait, each with the rows it stands for. An alert whose finding waits already is added to it;
// what was brought before is remembered, so that a finding keeps its first time and its sum while the agent runs. One
// thread.
#pragma once

#include <cstdint>
#include <list>
#include <string>
#include <unordered_map>
#include <vector>

#include "siem/aws/finding.h"
#include "siem/forwarder.h"

namespace tiercel::aws {

class Batch {
 public:
  struct Entry {
    Finding finding;
    std::vector<siem::RowId> rows;
    uint64_t taken_ns = 0;  // monotonic: the first row
    unsigned attempts = 0;  // that ended in an error for this finding
  };
  using Entries = std::list<Entry>;

  void add(siem::RowId row, Finding finding, uint64_t now_ns);
  [[nodiscard]] const Entries& entries() const { return entries_; }
  [[nodiscard]] size_t size() const { return entries_.size(); }
  [[nodiscard]] bool urgent() const { return urgent_ > 0; }  // one is critical
  // With the first time and the sum of those brought before. `known`: it is an update.
  [[nodiscard]] Finding whole(const Entry& entry, bool& known) const;

  // Nullptr: no such finding waits.
  Entry* find(const std::string& id);
  // Out of the batch, its rows to `rows`; brought: remembered.
  void remove(const std::string& id, bool brought, std::vector<siem::RowId>& rows);
  // Behind the others: what failed must not stand in their way.
  void put_last(const std::string& id);

 private:
  struct Past {
    uint64_t first_ns = 0, count = 0;
    std::list<std::string>::iterator age;
  };
  void remember(const Finding& finding);

  Entries entries_;
  std::unordered_map<std::string, Entries::iterator> by_id_;
  std::unordered_map<std::string, Past> past_;
  std::list<std::string> ages_;  // the last brought first
  size_t urgent_ = 0;
};

}  // namespace tiercel::aws
