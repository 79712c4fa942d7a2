// ReaderThread: the thread of a sink. It reads one reader's rows from a spool, the critical lane first, hands them to
// the sink and moves the cursor past what the sink took. What the sink did not take stays in the spool and is tried
// again after a back-off that doubles. Rows less severe than the sink's priority, and those that its
// condition refused, are passed by.
//
// Threads: construct, start() and stop() on one thread; wake() from any; the deliver function runs on this thread
// only. Whoever appends to the spool must have stopped before a ReaderThread is destroyed. All signals are blocked on
// it, so a broken pipe is an error code and not a signal.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <span>
#include <string>
#include <thread>

#include "agent/alert/alert.h"
#include "agent/base/fd.h"
#include "agent/base/result.h"
#include "siem/rate.h"
#include "siem/spool.h"

namespace tiercel::siem {

class ReaderThread {
 public:
  struct Options {
    std::string name;  // of the reader and, cut to 15 bytes, of the thread
    alert::Priority least_priority = alert::Priority::kDebug;
    uint64_t condition = 0;     // of Alert::refused_by: rows that have it are passed by, too; 0: none
    bool takes_routine = true;  // this and the next two: spool.h
    bool keeps_place = false;
    uint8_t parts = kEventJson;
    size_t batch_rows_max = 64;  // small, so that a critical alert waits for little
    int pause_ms = 0;            // after a batch that was not full: more may come, for one delivery
    int retry_ms_min = 50;
    int retry_ms_max = 5'000;
  };
  // Rows of one lane, in order. Returns how many of them, from the first, were delivered; fewer than given means
  // trouble. An empty span comes after wake() and before the end: a chance for what the sink has to do besides.
  using Deliver = std::function<size_t(std::span<const Row>)>;

  ReaderThread(Spool& spool, Options options, Deliver deliver);
  ~ReaderThread();
  ReaderThread(const ReaderThread&) = delete;
  ReaderThread& operator=(const ReaderThread&) = delete;

  Result<> start();
  // Delivers what is in the spool within timeout_ms, then ends the thread. Idempotent.
  void stop(int timeout_ms);
  void wake();

  // For the deliver function: waits until fd can take bytes. False: stop's time is over, give up; or timeout_ms has
  // passed (-1: no limit).
  bool wait_writable(int fd, int timeout_ms = -1);
  // Likewise, waits for a turn. False: stop's time is over.
  bool wait_turn(TokenBucket& bucket);

 private:
  void run();
  bool deliver_lane(alert::Lane lane, bool& trouble);
  bool deliver_some(bool& trouble);
  void take_wake();
  [[nodiscard]] bool giving_up() const { return giving_up_.load(std::memory_order_acquire); }

  Spool& spool_;
  const Options options_;
  const Deliver deliver_;
  Spool::ReaderId reader_ = 0;
  Fd wake_fd_;               // eventfds: something to do;
  Fd stop_fd_;               // deliver what there is, then end: written once, never read;
  Fd give_up_fd_;            // end at once: likewise
  bool full_batch_ = false;  // the last one; the thread's own
  std::atomic<bool> woken_{false};
  std::atomic<bool> stopping_{false};
  std::atomic<bool> giving_up_{false};
  std::mutex mutex_;
  std::condition_variable ended_changed_;
  bool ended_ = false;  // under mutex_
  std::thread thread_;
};

}  // namespace tiercel::siem
