// SpoolFile: the spool's rows, cursors and losses on disk: one SQLite file in WAL mode, a table for each priority, so
// that rows come and go at the ends of their trees.
//
// A commit is one transaction and is on the disk when it returns (synchronous=FULL). What a power cut leaves is the
// last whole commit.
//
// Threads: commit() from one thread, read() from any (it has a connection of its own, so it never waits for a commit).
// Errors are Trouble: either the disk cannot now (full, read-only, gone), or the file is damaged.
// Facts: https://www.sqlite.org/wal.html
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/alert/alert.h"
#include "siem/database.h"
#include "siem/spool.h"
#include "siem/spool_chain.h"

namespace tiercel::siem {

inline constexpr size_t kPriorities = 8;
inline constexpr size_t kLanes = 2;
// The priorities of a lane: from the first up to, without, the second.
[[nodiscard]] constexpr std::pair<size_t, size_t> priorities_of(alert::Lane lane) {
  constexpr size_t kFirstRest = static_cast<size_t>(alert::Priority::kCritical) + 1;
  return lane == alert::Lane::kCritical ? std::pair<size_t, size_t>{0, kFirstRest}
                                        : std::pair<size_t, size_t>{kFirstRest, kPriorities};
}

class SpoolFile {
 public:
  using Trouble = siem::Trouble;
  template <class T = void>
  using Outcome = siem::Outcome<T>;

  struct Place {
    std::string reader;
    std::array<uint64_t, kLanes> cursors{};
  };
  struct Loss {
    std::string rule;
    uint64_t rows = 0;
    uint64_t from_ns = 0, to_ns = 0;  // times of the first and the last alert
  };
  struct State {
    uint64_t last_seq = 0;
    std::vector<Place> places;
    std::array<uint64_t, kPriorities> rows{};
    std::vector<Loss> losses;  // that were not told before the agent ended
  };
  struct NewRow {
    uint64_t seq = 0;
    alert::AlertPtr alert;
  };
  struct Changes {
    std::vector<NewRow> rows;
    uint8_t parts = 0;                         // of the alerts, that are kept
    uint64_t last_seq = 0;                     // given so far, on disk or not
    std::array<uint64_t, kLanes> done_to{};    // rows up to there are not needed any more
    std::vector<Place> places;                 // all of them
    uint64_t size_bytes_max = 0;               // beyond it the least severe go, the oldest of them first ...
    std::array<uint64_t, kLanes> others_to{};  // ... and of these first the ones up to there, which one reader holds up
    uint64_t older_than_ns = 0;                // rows from before go, whatever their priority
    bool losses_told = false;                  // forget those that were known before
  };
  struct Done {
    std::array<uint64_t, kPriorities> rows{};        // on disk now
    std::array<uint64_t, kPriorities> lost_to{};     // rows up to there were removed by a limit
    std::vector<Loss> losses;                        // of this commit, by rule
    std::array<std::vector<uint64_t>, kLanes> lost;  // the rows
  };

  static Outcome<std::unique_ptr<SpoolFile>> open(const std::string& path);
  // Before a damaged file is opened for what it still holds: SQLite reads nothing at all of one whose first 100 bytes
  // are not as they were, or which is shorter than they say. They say little, and the missing pages may be empty.
  static void mend_header(const std::string& path);
  ~SpoolFile();
  SpoolFile(const SpoolFile&) = delete;
  SpoolFile& operator=(const SpoolFile&) = delete;

  [[nodiscard]] Outcome<State> state();
  [[nodiscard]] Outcome<Done> commit(const Changes& changes);
  // Before the file is put aside, or where it has no name any more: what stands in its log stays there.
  void leave_log();
  // Gives freed pages back to the file system, some at a time.
  void tidy();

  struct Notes {
    uint64_t damaged = 0;   // rows that were not whole, and are left out
    uint64_t last_seq = 0;  // of the last row that was looked at; 0: none
  };
  // Rows of the lane in (after, upto], in order, at most so many.
  [[nodiscard]] Outcome<std::vector<Row>> read(alert::Lane lane, uint64_t after, uint64_t upto, size_t most,
                                               Notes& notes);
  // marked: only rows whose numbers are surely right, in a file that may be damaged.
  [[nodiscard]] Outcome<uint64_t> count(alert::Lane lane, uint64_t after, uint64_t upto, bool marked = false);

  // For a damaged file. What one priority's table still gives behind a number, up to where it cannot be right; known:
  // as in Chain.
  [[nodiscard]] Outcome<std::vector<Row>> salvage(size_t priority, uint64_t after, bool known, size_t most,
                                                  Notes& notes);
  // One row of it; nothing: it is not there, or not whole.
  [[nodiscard]] std::optional<Row> find(size_t priority, uint64_t seq);
  // The highest number that was given, as far as the file can still say; 0: it cannot.
  [[nodiscard]] uint64_t last_seq();

 private:
  SpoolFile(std::string path, std::unique_ptr<Database> writing, std::unique_ptr<Database> reading);
  [[nodiscard]] Outcome<> apply(const Changes& changes, Done& done);
  [[nodiscard]] Outcome<> insert(const Changes& changes);
  [[nodiscard]] Outcome<> remove_done(const Changes& changes);
  [[nodiscard]] Outcome<> keep_limits(const Changes& changes, Done& done);
  [[nodiscard]] Outcome<uint64_t> evict(size_t priority, uint64_t upto, uint64_t bytes, uint64_t older_than_ns,
                                        Done& done);
  [[nodiscard]] Outcome<> write_places(const Changes& changes, const Done& done);
  void note_beginnings();
  [[nodiscard]] bool still_there() const;

  const std::string path_;
  uint64_t inode_ = 0;
  std::unique_ptr<Database> writing_;
  std::array<uint64_t, kPriorities> rows_{};
  std::array<uint64_t, kPriorities> written_to_{};  // with what is not committed yet
  std::array<TableFacts, kPriorities> facts_;
  std::mutex reading_mutex_;
  std::unique_ptr<Database> reading_;  // under reading_mutex_
};

}  // namespace tiercel::siem
