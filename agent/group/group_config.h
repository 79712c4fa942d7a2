// GroupConfig: what the manager's group says of this host, and what became of it. A merged.mg that came is tried by the
// reload that every other change of rules takes, and is kept on the disk only after it runs; one that is refused leaves
// everything as it was, and the manager is told which file, which line and why.
//
//   sink's thread     ──offer()──► one waits, the newest; the reload thread is woken
//   reload thread     ──errand()──► taken apart; nothing new for us: kept, and that is all. Else a reload is asked for,
//                     ──lay_over()──► which reads the host's configuration with the group's over it, and
//                     ──concluded()──► keeps the set, or refuses it
//
// A reload that fails by the host's own files does not make the group's bad: the set waits, and is tried again after
// the next good reload.
//
// Threads: construct and lay_over() also before the reload thread runs; offer(), state() and told_md5() from any.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "agent/alert/report.h"
#include "agent/base/diagnostic.h"
#include "agent/config/config.h"
#include "agent/group/group_set.h"
#include "agent/group/kept.h"
#include "agent/reload/outcome.h"

namespace tiercel::group {

// Who asked for a reload, when a group's set did.
inline constexpr const char* kCause = "group configuration";

// For `tiercel status`.
struct GroupState {
  bool enabled = true;
  std::string group;
  std::string md5;                 // of the set that applies; empty: none
  std::vector<std::string> files;  // of it, ours
  uint64_t applied_ns = 0;         // since the epoch; 0: at the start
  std::optional<Refusal> refusal;  // of the set that came last
  bool waits = false;              // for the host's own files to be right
};

class GroupConfig {
 public:
  struct Options {
    std::string folder;                // where sets are kept
    std::string version;               // of the agent: another one may take what this one refuses
    std::function<uint64_t()> now_ns;  // since the epoch
  };
  // What others do for it. Reports from before connect() are handed over by it.
  struct Links {
    std::function<void(alert::Report)> report;
    std::function<void()> poke;                       // makes the reload thread call errand(); any thread
    std::function<void()> ask;                        // for a reload
    std::function<void(const std::string&)> ar_conf;  // the kept one now, and each change; may be null
  };

  // With the kept set.
  explicit GroupConfig(Options options);
  void connect(Links links);

  // What the manager sent. Never waits.
  void offer(std::string md5, std::string merged);
  // What it sent and could not be taken at all.
  void refuse_unseen(std::string md5, std::string reason);
  // For the keep-alive after the start: of the last file that came, good or bad. Empty: none.
  [[nodiscard]] std::string told_md5() const;
  [[nodiscard]] GroupState state() const;

  void errand();
  // The host's configuration with the group's over it. Nothing, with errors: a new set is bad. A set that was good once
  // and is not any more, by what the host allows now, is left out.
  [[nodiscard]] std::optional<config::Config> lay_over(config::Config host, Diagnostics& diagnostics);
  void concluded(const reload::Outcome& outcome);

 private:
  struct Received {
    std::string md5;
    std::string merged;
    std::string trouble;  // why there is nothing in it; empty: there is
  };
  struct Candidate {
    GroupSet set;
    std::string merged;
    bool last_try = false;  // the host's own files are right
  };

  void put(Received received);
  [[nodiscard]] std::string conditions() const;
  [[nodiscard]] bool changes_nothing(const GroupSet& set) const;
  void take_policy(const config::GroupConfiguration& policy);
  void commit(Candidate candidate, const reload::Outcome* outcome);
  void tell_applied(const GroupSet& set, bool had_ours, const std::string& trouble, const reload::Outcome& outcome);
  void set_aside(const Diagnostics& mistakes);
  void take_back();
  void refuse(Refusal refusal);
  void wait_for_host(Refusal refusal);
  void tell_refused(const Refusal& refusal, const std::string& what_now);
  void report(alert::Report report);

  const Options options_;
  Kept kept_;
  Links links_;
  std::vector<alert::Report> early_;
  config::GroupConfiguration policy_;  // the host's
  std::optional<GroupSet> current_;
  std::optional<Candidate> candidate_;  // to be tried by the next reload
  std::optional<Candidate> waiting_;
  std::optional<Refusal> remembered_;  // until it is known whether it still holds
  std::string set_aside_;              // why the current set is left out; empty: it is not

  mutable std::mutex mutex_;  // of what follows
  std::optional<Received> slot_;
  GroupState state_;
  std::string told_md5_;
};

}  // namespace tiercel::group
