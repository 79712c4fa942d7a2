// DurableSpool: SpoolMemory under a lock, and a thread that brings it to a SpoolFile. See spool.h for what callers get.
//
// The thread ("spool") owns the file: it opens it, commits, makes it anew when it is damaged, takes in what an older
// one still holds (Asides), and reports. Readers read rows that have left the memory from the file themselves.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "agent/base/fd.h"
#include "siem/ages.h"
#include "siem/spool.h"
#include "siem/spool_asides.h"
#include "siem/spool_file.h"
#include "siem/spool_memory.h"

namespace tiercel::siem {

class DurableSpool final : public Spool {
 public:
  DurableSpool(SpoolOptions options, Metrics& metrics, const Clock& clock, alert::Reports& reports);
  ~DurableSpool() override;

  void append(alert::AlertPtr alert) override;
  ReaderId add_reader(ReaderOptions options) override;
  std::vector<Row> read(ReaderId reader, alert::Lane lane, uint64_t after_seq, size_t most) override;
  void confirm(ReaderId reader, alert::Lane lane, uint64_t seq) override;
  [[nodiscard]] uint64_t cursor(ReaderId reader, alert::Lane lane) const override;
  [[nodiscard]] Counts counts() const override;
  [[nodiscard]] std::vector<Waiting> waiting() const override;
  Result<> open() override;
  void close() override;

 private:
  using FilePtr = std::shared_ptr<SpoolFile>;
  [[nodiscard]] std::string path(const char* ending = "") const { return options_.folder + "/spool.db" + ending; }
  [[nodiscard]] FilePtr file() const;
  Result<> take_folder();
  void open_at_start();
  void want_work();
  [[nodiscard]] bool idle() const;
  void run();
  void work(bool last);
  bool have_file();
  bool commit_some();
  bool collect(SpoolFile::Changes& changes, uint64_t& upto);
  void settle(const SpoolFile::Done& done, uint64_t upto);
  void trouble(const SpoolFile::Trouble& trouble);
  [[nodiscard]] bool disk_has_room() const;
  void put_aside(const SpoolFile::Trouble& trouble);
  void note_rescue();
  void import_some();
  void tell_rescue(const Asides::End& end);
  void tell_losses(bool last);
  void tell(alert::Priority priority, const char* state, const std::string& message, const std::string& reason,
            uint64_t rows = 0, uint64_t lost = 0);
  void wake_readers() const;

  const SpoolOptions options_;
  const Clock& clock_;
  alert::Reports& reports_;
  Counter& commits_;
  Counter& failures_;
  Counter& damaged_rows_;

  mutable std::mutex mutex_;  // of what follows
  std::condition_variable changed_;
  SpoolMemory memory_;
  FilePtr file_;  // null: none, or not now
  std::array<uint64_t, kPriorities> disk_rows_{};
  bool well_ = false;      // the last commit was taken
  bool durable_ = false;   // wanted at all
  bool rescuing_ = false;  // a file was put aside and is still being read
  bool work_ = false;
  bool stopping_ = false;

  // By readers, for the thread:
  std::atomic<const SpoolFile*> damaged_{nullptr};  // the file in which one met damage
  std::atomic<bool> read_failed_{false};
  std::thread thread_;

  // The thread's own:
  Fd folder_lock_;
  int full_times_ = 0;
  std::string trouble_;  // that was reported and still lasts
  uint64_t retry_at_ns_ = 0, retry_ns_ = 0;
  Asides asides_;
  uint64_t losses_reported_ns_ = 0;
  bool losses_to_forget_ = false;
  Ages ages_;
};

}  // namespace tiercel::siem
