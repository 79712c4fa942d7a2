// Responder: does what a manager's active responses ask for, as wazuh-execd does it: finds the script (ar.conf, or
// "!NAME"), hands it the JSON, answers its check_keys, and undoes it after its timeout. Each command ends in a receipt
// ("Tiercel internal: response"), whatever became of it. docs/active-response.md tells users.
//
// Threads: start() and stop() on one; offer() and set_ar_conf() from any, without waiting for scripts or the disk. The
// scripts run side by side on threads of the responder's own, `running_max` at most, each with a time limit: one that
// hangs is killed with its process group and holds up nobody. What must be undone is on the disk before it is done.
// Errors: start() fails if it cannot keep such a list; everything later is a receipt.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "agent/alert/report.h"
#include "agent/base/clock.h"
#include "agent/base/fd.h"
#include "agent/base/metrics.h"
#include "agent/base/result.h"
#include "agent/response/ar_conf.h"
#include "agent/response/child.h"
#include "agent/response/command.h"
#include "agent/response/pending.h"

namespace tiercel::response {

inline constexpr const char* kReceiptRule = "Tiercel internal: response";
inline constexpr const char* kBinFolder = "active-response/bin";
inline constexpr const char* kScriptLog = "logs/active-responses.log";  // below home

struct ResponderOptions {
  std::string home;                          // scripts' working directory; holds kBinFolder
  std::string state_dir;                     // must exist
  std::string log;                           // scripts' standard error; empty: kScriptLog below home
  uint32_t timeout_s = 60;                   // of a script
  std::vector<uint32_t> repeated_offenders;  // minutes
  std::vector<std::string> allow;            // scripts that may be run; empty: all that are in the folder
  std::vector<std::string> environment;      // beside plain_environment()
  size_t running_max = 16;
  size_t waiting_max = 256;
  uint64_t retry_s = 60;    // after an undo that failed; three attempts in all
  int quiet_ms_max = 5000;  // Talk::quiet_ms_max of a response without a timeout
};

class Responder {
 public:
  Responder(ResponderOptions options, alert::Reports& reports, Metrics& metrics, const Clock& clock);
  ~Responder();
  Responder(const Responder&) = delete;
  Responder& operator=(const Responder&) = delete;

  Result<> start();
  // False: no room; a receipt says so.
  bool offer(std::string json);
  // The manager's list, whole. Until it is known, only "!NAME" finds a script. start() takes home/etc/shared/ar.conf if
  // none came before.
  void set_ar_conf(std::string_view text);
  // Undoes what is pending, for as long as the time allows: what is left is undone at the next start. Scripts that
  // still run then are left alone.
  void stop(int timeout_ms);
  [[nodiscard]] size_t pending() const;

 private:
  struct Receipt;
  struct Script;
  void worker();
  void add_worker();
  [[nodiscard]] uint64_t next_due_ns() const;
  Pending* due_entry();
  void respond(const std::string& json);
  void undo(Pending entry);
  Result<Script> find_script(const Command& command) const;
  Result<> check_script(const std::string& name) const;
  std::string answer(const Script& script, const std::string& message, const std::vector<std::string>& keys,
                     Receipt& receipt);
  Result<Talked> run(const std::string& program, Talk talk) const;
  void refuse(const std::string& json, std::string reason);
  void give(Receipt receipt);
  void keep_log_small() const;

  const ResponderOptions options_;
  const std::string log_;
  alert::Reports& reports_;
  const Clock& clock_;
  Counter& commands_;
  Counter& refused_;
  Counter& failed_;
  Counter& undone_;
  PendingStore store_;
  Fd stop_event_;
  std::atomic<uint64_t> stop_deadline_ns_{0};

  mutable std::mutex mutex_;  // of what follows; never held while a script runs or the disk is written
  std::condition_variable changed_;
  std::deque<std::string> waiting_;
  std::vector<ArEntry> ar_conf_;
  std::map<std::string, Pending> pending_;  // by key
  Offenders offenders_;
  std::vector<std::thread> workers_;
  size_t idle_ = 0;
  uint64_t next_id_ = 0;
  bool started_ = false, stopping_ = false;
};

}  // namespace tiercel::response
