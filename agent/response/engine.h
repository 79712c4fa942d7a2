// Engine: carries out what response rules ask for on this host, and says what became of it: each order ends in a
// receipt
// ("Tiercel internal: response", origin local), but for repeats, which are counted. docs/responses.md tells users.
//
// An order is looked at in this order: is it named and not already done (the same action on the same identity within
// 10 s, or in effect) - is it protected - is there budget - dry run - the disk, if it can be undone - the deed.
//
// Threads: start(), set_policy() and stop() on the deciding one; offer() too, which never waits: a full queue is a
// receipt and a counter. list(), undo() and outcome() from any. A kill or signal of a process runs on a thread of its
// own, everything that takes longer on others, so that it delays no kill. Errors: start() fails if what must be undone
// cannot be kept.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "agent/alert/report.h"
#include "agent/base/clock.h"
#include "agent/base/fd.h"
#include "agent/base/metrics.h"
#include "agent/base/result.h"
#include "agent/response/deeds.h"
#include "agent/response/order.h"
#include "agent/response/pending.h"

namespace tiercel::response {

inline constexpr uint64_t kRepeatNs = 10'000'000'000;

// What may change while the agent runs.
struct EnginePolicy {
  bool dry_run = false;              // of every response
  std::vector<std::string> protect;  // beside the built-in list: Protection
  uint32_t budget_per_min = 60;      // of all responses together
};

struct EngineOptions {
  std::string state_dir;  // must exist
  std::string log;        // standard error of programs that are run; empty: nowhere
  std::vector<std::string> managers;
  std::string docker_root, storage_root;
  std::function<StartTimeOf()> start_times;  // called once by each thread, which then uses its own
  EnginePolicy policy;
  size_t waiting_max = 1'024;  // of each of the two queues
  unsigned slow_threads = 2;
};

class Engine {
 public:
  Engine(EngineOptions options, alert::Reports& reports, Metrics& metrics, const Clock& clock);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  Result<> start();
  bool offer(Order order);  // false: no room
  void set_policy(EnginePolicy policy);
  // Undoes, soon, what is in effect; "all": everything. An error: there is no such id.
  Result<> undo(const std::string& id);
  // JSON: {"result":"waiting"}, or what became of the undo of that id.
  [[nodiscard]] std::string outcome(const std::string& id) const;
  // JSON: what is in effect, what waits, what was done lately, budgets.
  [[nodiscard]] std::string list() const;
  // What is in effect stays so and is undone in its time by the next agent. Programs that still run are left alone.
  void stop(int timeout_ms);

 private:
  struct Effect {  // in effect, until it is undone
    Pending kept;
    std::string response, act, target;
    uint64_t since_ns = 0;  // realtime
    bool asked = false;     // somebody wants it undone
    bool ready = false;     // it took effect
  };
  struct Told {  // a line of the list
    std::string id, response, act, target, result, reason;
    uint64_t time_ns = 0;  // realtime
  };
  struct Job;
  void worker(bool fast);
  [[nodiscard]] Effect* due_effect();
  [[nodiscard]] uint64_t next_due_ns() const;
  void carry_out(const Order& order, const StartTimeOf& start_time_of);
  void undo_effect(const std::string& id, const StartTimeOf& start_time_of);
  bool is_repeat(const std::string& key, std::string& why);
  bool take_budget(const Order& order, bool& tell);
  [[nodiscard]] static bool asked_of_kernel(Job& job);
  void tell_of_kernel(Job& job);
  bool may_tell(const std::string& what);
  Result<> keep(Job& job, const Undo& undo);
  void settle(Job& job);
  void give(const Job& job);
  [[nodiscard]] Told told_of(const Job& job) const;
  void remember(Told told);  // with the lock
  [[nodiscard]] DeedContext context_of(const StartTimeOf& start_time_of, const Protection& protection) const;

  const EngineOptions options_;
  alert::Reports& reports_;
  const Clock& clock_;
  Counter& asked_;
  Counter& done_;
  Counter& would_;
  Counter& refused_;
  Counter& failed_;
  Counter& repeated_;
  Counter& over_budget_;
  Counter& no_room_;
  Counter& undone_;
  PendingStore store_;
  Fd stop_event_;
  std::atomic<uint64_t> stop_deadline_ns_{0};

  mutable std::mutex mutex_;  // of what follows; never held while something is done or written
  std::condition_variable fast_changed_, slow_changed_;
  std::deque<Order> fast_, slow_;
  EnginePolicy policy_;
  std::shared_ptr<const Protection> protection_;
  std::map<std::string, uint64_t> lately_;             // key: when, CLOCK_BOOTTIME
  std::map<std::string, std::deque<uint64_t>> spent_;  // by response; "": all. When
  std::map<std::string, uint64_t> told_;               // what is told once a minute: when
  std::map<std::string, Effect> effects_;              // by id
  std::map<std::string, std::string> outcomes_;        // of undoing, by id
  std::deque<Told> recent_;                            // newest last
  std::vector<std::thread> threads_;
  uint64_t next_id_ = 0;
  bool started_ = false, stopping_ = false;
};

}  // namespace tiercel::response
