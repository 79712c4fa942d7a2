// SpoolMemory: the rows that the spool has in memory, its readers and their cursors. The newest rows are here; older
// ones leave when they are on the disk and memory is short, or when every reader has confirmed them. Where there is no
// disk, or it does not take anything now, this is all there is, and its limits say what goes: of the rows that one
// reader alone holds up, or else of all, the oldest of the least severe priority.
//
// Not thread-safe: DurableSpool locks. What leaves goes into `doomed`, to be freed after the lock.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "agent/alert/alert.h"
#include "agent/base/metrics.h"
#include "siem/spool.h"
#include "siem/spool_file.h"

namespace tiercel::siem {

struct MemoryLimits {
  size_t rows_max = 100'000;
  size_t size_bytes_max = 128u << 20;
  size_t kept_bytes_max = 8u << 20;  // of rows that are on the disk as well: readers who keep up need no disk
};

class SpoolMemory {
 public:
  using Doomed = std::vector<alert::AlertPtr>;
  struct Reader {
    ReaderOptions options;
    std::array<uint64_t, kLanes> cursors{};
    Counter* lost = nullptr;
    [[nodiscard]] bool takes(const alert::Alert& alert) const { return options.takes_routine || !alert.routine; }
  };

  SpoolMemory(MemoryLimits limits, Metrics& metrics) : limits_(limits), metrics_(metrics) {}

  Spool::ReaderId add_reader(ReaderOptions options);
  [[nodiscard]] const std::deque<Reader>& readers() const { return readers_; }
  [[nodiscard]] bool any_keeps_place() const;
  [[nodiscard]] uint8_t parts() const;  // that the readers who keep their place need

  void append(alert::AlertPtr alert, Doomed& doomed);
  [[nodiscard]] std::vector<Row> read(Spool::ReaderId reader, alert::Lane lane, uint64_t after, size_t most) const;
  void confirm(Spool::ReaderId reader, alert::Lane lane, uint64_t seq, Doomed& doomed);
  [[nodiscard]] uint64_t waiting(const Reader& reader, alert::Lane lane) const;  // of the rows in memory

  // --- What the disk has to know and says.
  [[nodiscard]] uint64_t last_seq() const { return last_seq_; }
  // Rows that no reader needs any more; and those that one reader at most still needs.
  [[nodiscard]] uint64_t done_to(alert::Lane lane) const { return floors(lane).first; }
  [[nodiscard]] uint64_t others_to(alert::Lane lane) const { return floors(lane).second; }
  // Rows after on_disk_to(), at most so many; upto: what on_disk_to() is when they are on the disk.
  [[nodiscard]] std::vector<SpoolFile::NewRow> not_on_disk(size_t most, uint64_t& upto) const;
  [[nodiscard]] uint64_t on_disk_to() const { return on_disk_to_; }
  void now_on_disk(uint64_t upto, Doomed& doomed);
  // Rows of the lane up to there have left the memory; the disk has them, if anybody.
  [[nodiscard]] uint64_t left_memory_to(alert::Lane lane) const { return left_to_[static_cast<size_t>(lane)]; }
  void take_state(const SpoolFile::State& state);  // before the first append
  void begin_at(uint64_t seq);                     // likewise, where there is no file
  void nothing_on_disk();                          // the file was lost: all that is here has to go there again
  void lost_on_disk(const SpoolFile::Done& done, Doomed& doomed);

  [[nodiscard]] uint64_t appended() const { return appended_; }
  [[nodiscard]] uint64_t rows() const { return rows_; }
  [[nodiscard]] uint64_t rows_not_on_disk() const;
  [[nodiscard]] uint64_t size_bytes() const { return size_bytes_; }  // of the rows in memory
  [[nodiscard]] uint64_t lost() const { return lost_; }
  [[nodiscard]] std::vector<SpoolFile::Loss> take_losses() { return std::exchange(losses_, {}); }
  void add_losses(const std::vector<SpoolFile::Loss>& losses);

 private:
  struct Entry {
    uint64_t seq = 0;
    alert::AlertPtr alert;
    size_t size_bytes = 0;
  };
  using Queue = std::deque<Entry>;
  [[nodiscard]] std::pair<uint64_t, uint64_t> floors(alert::Lane lane) const;
  [[nodiscard]] bool is_on_disk(const Entry& entry) const { return entry.seq <= on_disk_to_; }
  void pop(size_t priority, Doomed& doomed);
  bool drop_oldest_on_disk(Doomed& doomed);
  void evict_one(Doomed& doomed);
  void shrink(Doomed& doomed);
  void pass_untaken(Reader& reader, alert::Lane lane);
  void count_loss(size_t priority, const Entry& entry);
  void count_rule(const std::string& rule, uint64_t rows);

  const MemoryLimits limits_;
  Metrics& metrics_;
  std::deque<Reader> readers_;
  std::array<Queue, kPriorities> queues_;  // each in order of seq
  std::array<uint64_t, kLanes> left_to_{};
  std::array<uint64_t, kLanes> last_of_lane_{};
  uint64_t last_seq_ = 0, on_disk_to_ = 0;
  uint64_t appended_ = 0, rows_ = 0, size_bytes_ = 0, lost_ = 0;
  std::vector<SpoolFile::Loss> losses_;
  std::unordered_map<std::string, Counter*> lost_by_rule_;
};

}  // namespace tiercel::siem
