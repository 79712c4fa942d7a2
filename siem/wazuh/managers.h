// Managers: which manager is next, what version it is told, when to try again, and when to ask it for a key: the part
// of a sink's conduct that must never become a tight loop, apart from threads and sockets.
//
// - Managers are tried in turn; after a round without success comes a pause, which doubles from reconnect_ms_min to
//   reconnect_ms_max, less up to a quarter by chance: after a manager's restart its agents must not come all at once.
// - A manager that refuses our version is told the next lower one at once, which ends after a few steps. It is
// remembered
//   for as long as the agent runs: so an upgraded manager hears the truth after the agent's next start.
// - A manager that does not know the key is asked for one after kRefusalsMax connections in a row that ended that way.
// - After an enrolment that did not help, the manager is left alone for enrol_ms_min, which doubles to enrol_ms_max,
//   until a session with it has come about.
// - While a key is fresh, its being unknown is no refusal: a manager reads its key file every 10 s or so.
//
// One thread; time is the Clock's.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/base/clock.h"
#include "siem/wazuh/options.h"

namespace tiercel::wazuh {

class Managers {
 public:
  static constexpr int kRefusalsMax = 5;

  Managers(const WazuhOptions& options, const Clock& clock);

  [[nodiscard]] const ManagerAddress& current() const { return options_.managers[index_]; }
  [[nodiscard]] size_t index() const { return index_; }
  [[nodiscard]] const std::string& version() const { return known_[index_].version; }
  [[nodiscard]] bool version_lowered() const { return known_[index_].version != options_.version; }

  void next();  // the current one did not do
  void ready();
  void asked_to_reconnect();
  void again_at_once() { at_once_ = true; }
  // False: there is none, or the version is pinned.
  bool lower_version();

  // True: it counted as a refusal.
  bool key_unknown();
  [[nodiscard]] bool refused_often() const { return known_[index_].refusals >= kRefusalsMax; }
  [[nodiscard]] bool may_enrol() const;
  void enrolled();
  void enrolment_refused();  // or the key is good, it says

  // How long to wait now; 0: not at all. `chance` is any number.
  [[nodiscard]] int pause_ms(uint32_t chance);

 private:
  struct Known {
    std::string version;
    int refusals = 0;  // connections in a row that ended as with an unknown key
    int enrol_wait_ms = 0;
    uint64_t no_enrolment_before_ns = 0;
  };
  [[nodiscard]] bool key_is_fresh() const;
  void put_off_enrolment();

  const WazuhOptions& options_;
  const Clock& clock_;
  std::vector<Known> known_;  // by manager
  size_t index_ = 0;
  size_t tried_ = 0;  // since the last pause
  int retry_ms_ = 0;
  bool at_once_ = false;
  uint64_t enrolled_ns_ = 0;    // 0: the key was there, or has been taken
  uint64_t last_asked_ns_ = 0;  // the manager's last force_reconnect
};

}  // namespace tiercel::wazuh
