// Stage: where a case is played: real records through the real process table, containers and enricher to events,
// without the kernel. A case brings its own users and containers, so it means the same on every host; for a recording
// they are the host's, as in `tiercel replay`. One case, one stage; one thread.
#pragma once

#include <deque>
#include <functional>

#include "agent/base/clock.h"
#include "agent/base/metrics.h"
#include "agent/base/result.h"
#include "agent/casefile/case.h"
#include "agent/context/enricher.h"
#include "decoders/compose.h"

namespace tiercel::casefile {

using EventHandler = std::function<void(const context::Event&)>;

class Stage {
 public:
  enum class For : uint8_t { kCase, kRecording };
  explicit Stage(For what);
  // Announces the processes of the case, then plays its events.
  void play(const Case& what, const EventHandler& handler);
  // The records of a recording, to the end. Fault::kUser: no such file, or no recording of this version; records that
  // are broken are left out, and told of at the end.
  Result<> play_recording(const std::string& path, const EventHandler& handler);

 private:
  struct Actor {  // a process on the stage
    const ProcessSpec* spec = nullptr;
    uint32_t pid = 0, vpid = 0;
    uint64_t start_ns = 0, cgroup_id = 0;
    uint64_t pidns_init_ns = 0;
    uint32_t exec_id = 1;
  };
  void cast(const Case& what);
  void enter(const Case& what, size_t sibling, const EventHandler& handler);
  void announce(const Actor& actor, const Actor* parent, const EventHandler& handler);
  [[nodiscard]] decoders::Composer compose(const EventSpec& event) const;
  void play_event(const EventSpec& event, const EventHandler& handler);
  void fill_head(ev_head& head, const Actor& actor) const;
  void fill_exec(decoders::Composer& record, const Actor& actor, const Actor* parent) const;
  static void fill_stdio(decoders::Composer& record, const ProcessSpec& spec);
  static void fill_usage(decoders::Composer& record, const Actor& actor);
  void fill_rest(decoders::Composer& record);
  void fill_paths(decoders::Composer& record, const std::string& cwd);
  void fill_open(decoders::Composer& record);
  void fill_fork(decoders::Composer& record);
  void fill_setid(decoders::Composer& record);
  static void fill_cpu(decoders::Composer& record);
  void give(std::span<const std::byte> bytes, const EventHandler& handler);

  FakeClock clock_;
  Metrics metrics_;
  context::Containers containers_;
  context::ProcessTable table_;
  context::Users users_;
  context::Enricher enricher_;
  decoders::IdsOf ids_;
  std::vector<Actor> line_;              // the case's process first
  std::vector<Actor> siblings_;          // of it
  Actor* self_ = nullptr;                // who does the event that is played
  std::deque<ProcessSpec> before_exec_;  // what they were until their first event, an execve
  uint64_t now_ns_;
  uint64_t broken_ = 0;
};

}  // namespace tiercel::casefile
