// Reloader: reads the rules anew while the old ones judge, on a thread of its own, and offers the new set to the
// deciding thread, which takes it between two events. One thread reads, so no two reloads run at once; requests that
// come while it reads make it read once more, so none is lost and the last one wins.
//
//   any thread       ──request()──► reload thread: read the configuration and the rules, compile, attach hooks
//   inotify, SIGHUP                     │ offer_fd()
//                                       ▼
//                    deciding thread: take(): the matchers change places
//                                       │
//                                       ▼
//                                   reload thread: detach hooks, free the old set, tell who asked
//
// A set with an error, or without one active rule, is refused: the old one stays, whole, with its hooks.
//
// Threads: construct, load_first(), start() and stop() on the deciding thread, take() too; everything else from any.
// The Source must outlive the Reloader's thread.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "agent/base/clock.h"
#include "agent/base/fd.h"
#include "agent/base/metrics.h"
#include "agent/config/config.h"
#include "agent/reload/file_watch.h"
#include "agent/reload/outcome.h"
#include "agent/rule/engine.h"
#include "agent/rule/load.h"
#include "agent/sensor/source.h"

namespace tiercel::reload {

// The configuration as it would be after a start now; nothing when it has mistakes.
using ReadConfig = std::function<std::optional<config::Config>(Diagnostics&)>;

// What a configuration says of rules beside their files.
using RuleOptions = std::function<rule::LoadOptions(const config::Config&)>;

// What the deciding thread is given. It exchanges `matcher` for its own, and the old set is freed elsewhere.
struct Offer {
  std::unique_ptr<rule::Matcher> matcher;  // null: the set was refused, and only `outcome` is told
  bool look_again = false;                 // the source has to tell of current directories, see Source::widen()
  config::Config config;                   // what holds from here on
  Outcome outcome;
  bool taken = false;  // for the Reloader
};

class Reloader {
 public:
  struct Options {
    config::Config running;
    ReadConfig read_config;        // null: the running one, always
    RuleOptions rule_options;      // null: the defaults
    std::string config_file;       // watched besides the rules; empty: none
    std::function<void()> begins;  // on the reload thread, before each reload; may be null
    // On the reload thread: between two reloads when poke() asked for it, and after each reload. Either may be null.
    std::function<void()> errand;
    std::function<void(const Outcome&)> concluded;
    int settle_ms = 150;  // a changed file is read when it has been quiet for so long
    int settle_ms_max = 2'000;
    int look_ms = 30'000;  // how often to look for what inotify does not see
    int look_ms_blind = 2'000;
  };
  Reloader(Options options, Metrics& metrics, const Clock& clock);
  ~Reloader();
  Reloader(const Reloader&) = delete;
  Reloader& operator=(const Reloader&) = delete;

  // The rules of the start: bad ones are left out, and everything that was found is in `diagnostics`. An error when
  // there is nothing to run.
  Result<std::shared_ptr<const rule::RuleSet>> load_first(Diagnostics& diagnostics);
  // Requests from before are carried out now.
  Result<> start(sensor::Source& source);
  // Ends the thread; what is not finished is given up. Idempotent.
  void stop();

  // Asks for a reload. Returns a ticket for outcome(). `cause` is for people: "SIGHUP".
  uint64_t request(const std::string& cause);
  void poke();
  // What became of the reload that covered the ticket; nothing while it runs or waits.
  [[nodiscard]] std::optional<Outcome> outcome(uint64_t ticket) const;
  [[nodiscard]] RulesState state() const;

  // Readable when there is an offer.
  [[nodiscard]] int offer_fd() const { return offer_fd_.get(); }
  // Hands the offer, if there is one, to `accept`, which must not throw or wait.
  void take(const std::function<void(Offer&)>& accept);

 private:
  void run();
  [[nodiscard]] bool is_asked() const;
  void reload();
  Outcome refused(Outcome outcome, std::string reason) const;
  // False: the agent ends.
  bool hand_over(Offer& offer);
  void conclude(const Offer& offer, uint64_t ticket);
  [[nodiscard]] int wait_ms() const;
  void look_at_files();
  [[nodiscard]] std::vector<std::string> watched_paths() const;
  void watch_anew();
  [[nodiscard]] uint64_t content() const;
  [[nodiscard]] rule::Loaded load(const config::Config& config) const;

  Options options_;
  const Clock& clock_;
  Counter& accepted_;
  Counter& refused_;
  Fd wake_fd_, offer_fd_;  // eventfds
  std::thread thread_;

  // The thread's own, after start():
  sensor::Source* source_ = nullptr;
  sensor::Wanted wanted_;                 // by the set that runs
  std::vector<std::string> rules_files_;  // of the configuration that was read last, whether it runs or not
  uint64_t read_content_ = 0;             // what the last reload read
  uint64_t seen_stamp_ = 0;
  std::optional<FileWatch> watch_;                     // while watch_config_files
  uint64_t changed_since_ns_ = 0, changed_at_ns_ = 0;  // first and last sign of a change; 0: none
  uint64_t looked_at_ns_ = 0;

  // The offer changes hands without a lock, which somebody might hold who has to wait for a CPU.
  std::atomic<Offer*> offered_{nullptr};
  std::atomic<bool> stopping_{false};
  std::atomic<bool> poked_{false};

  mutable std::mutex mutex_;  // of what follows
  uint64_t requested_ = 0, begun_ = 0;
  std::vector<std::string> causes_;  // of the requests that wait
  RulesState state_;
  std::deque<std::pair<uint64_t, Outcome>> outcomes_;  // the last few, with the newest ticket that each covers
};

}  // namespace tiercel::reload
