// Containers: which container a cgroup is, what its runtime wrote about it before its first process started, and what
// the runtime's socket adds later. Deciding thread only. Files are read on reader threads (Lanes) and waited for at
// most Options::wait_ms; sockets are asked on a thread of their own and never waited for.
//
// Lifetimes: a cgroup is known from the kernel's record of it to the record of its removal (and a little longer, for
// records that are on their way); a container's facts live as long as one of its cgroups or processes.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "agent/base/clock.h"
#include "agent/base/lanes.h"
#include "agent/base/metrics.h"
#include "agent/container/record.h"
#include "agent/runtime/asker.h"
#include "bpf/schema/event.h"

namespace tiercel::context {

using container::Container;
using container::User;
using container::UserNames;

// A share of what all containers take together; gives it back when it goes.
class CountedBytes {
 public:
  explicit CountedBytes(std::shared_ptr<size_t> total) : total_(std::move(total)) {}
  ~CountedBytes() { set(0); }
  CountedBytes(const CountedBytes&) = delete;
  CountedBytes& operator=(const CountedBytes&) = delete;
  void set(size_t bytes) {
    *total_ += bytes - bytes_;
    bytes_ = bytes;
  }

 private:
  std::shared_ptr<size_t> total_;
  size_t bytes_ = 0;
};

// What is known of a container by now. Processes hold it; what is learnt later shows at their next event.
struct KnownContainer {
  explicit KnownContainer(std::shared_ptr<size_t> total_bytes) : bytes(std::move(total_bytes)) {}

  std::shared_ptr<const Container> facts;  // nullptr: it is no container, as far as anybody knows
  std::shared_ptr<const UserNames> users;  // its own; nullptr: not read yet
  std::string cgroup;                      // the container's own: those below belong to it
  uint64_t owner = 0;                      // uid of whose storage its files are in

  bool recalled = false;  // all of this comes from a recording; ids of users are the kernel's own

  // For Containers.
  CountedBytes bytes;
  uint64_t ticket = 0;
  bool read = false;              // its files were
  bool asked = false;             // its socket has not answered yet
  uint8_t times_put_off = 0;      // a question to its socket
  bool told = false;              // its start was, or never will be
  bool awaited = false;           // cgroup_seen() waits for its files
  uint64_t users_checked_ns = 0;  // CLOCK_MONOTONIC
  std::string users_stamp;
  ev_head first{};  // of the first program's start; size 0: it has not started
};

class Containers {
 public:
  struct Options {
    std::string host_root;  // prefix of every path; "" on the host itself
    container::RecordRoots roots;
    runtime::Sockets sockets;
    bool ask = true;    // runtimes' sockets
    bool read = true;   // false: nothing is read at all; of a case
    int wait_ms = 200;  // for files, all in all, of one new cgroup
    size_t cgroups_max = 16'384;
    size_t facts_bytes_max = 64u << 20;  // beyond: no labels, mounts and users for newcomers
    uint64_t grace_ns = 2'000'000'000;   // CLOCK_BOOTTIME, after a cgroup's removal
    // Of cases and tests: only what is announced counts, and everybody else is the host's.
    [[nodiscard]] static Options nothing_read() {
      Options options;
      options.ask = options.read = false;
      return options;
    }
  };
  Containers(Options options, Metrics& metrics);
  ~Containers();
  Containers(const Containers&) = delete;
  Containers& operator=(const Containers&) = delete;

  // A cgroup record arrived. Later calls for the same id replace the earlier one.
  void cgroup_seen(uint64_t cgroup_id, std::string_view path);
  void cgroup_gone(uint64_t cgroup_id, uint64_t now_ns);
  // Forgets those that the kernel no longer tells of: removals that were lost on the way.
  void forget_unless(const std::function<bool(uint64_t cgroup_id)>& is_known);
  // What an analyst's case says of a cgroup, where no runtime wrote a record. All others are the host's then.
  void announce(uint64_t cgroup_id, Container container);
  // What a recording says: this and nothing else holds, whatever this host's files say.
  void recall(uint64_t cgroup_id, std::shared_ptr<const Container> facts, std::shared_ptr<const UserNames> users);
  // Never nullptr. Of a cgroup that was not told of (yet) nothing is claimed, neither container nor host.
  [[nodiscard]] std::shared_ptr<KnownContainer> of_cgroup(uint64_t cgroup_id);

  // Told of each cgroup that is a container's, once that cannot change any more (its runtime's record was read), and
  // with false when it is forgotten. Called by the calls above and below, on their thread; set it before the first.
  using Settled = std::function<void(uint64_t cgroup_id, bool is_container)>;
  void on_settled(Settled settled) { settled_ = std::move(settled); }

  // Was it told of? Asking makes nothing known.
  [[nodiscard]] bool knows(uint64_t cgroup_id) const { return by_cgroup_.contains(cgroup_id); }

  // Takes in what readers and sockets found out meanwhile; cheap when there is nothing. Call for every record.
  void poll(uint64_t now_ns) {
    if (box_has_mail() || (!gone_.empty() && now_ns > gone_.front().first)) take_in(now_ns);
  }
  // Asks again what sockets could not tell at first. Call now and then.
  void tick();
  // Its own names for ids: nullptr if the container has no such user, or nothing could be read. Looks for changes of
  // the files once a second, without waiting. Ids are the kernel's, and mapped by the container's user namespace.
  [[nodiscard]] const User* user(KnownContainer& known, uint32_t uid);
  [[nodiscard]] const std::string* group(KnownContainer& known, uint32_t gid);

  // A program was started: perhaps the container's first one. The runtime's own, before it enters the container's
  // namespaces, do not count.
  void program_started(KnownContainer& known, const ev_head& head, uint32_t vpid);
  // It ran before the agent did: its start is not told.
  void was_running(KnownContainer& known) { known.told = true; }
  // `container` records of containers whose start and metadata are there; each is told once.
  [[nodiscard]] bool has_started() const { return !started_.empty(); }
  std::vector<std::byte> take_started();

  struct Counts {
    size_t cgroups = 0, containers = 0, unverified = 0, waiting = 0, readers_stuck = 0;
    size_t facts_bytes = 0;
  };
  [[nodiscard]] Counts counts() const;

 private:
  struct Mail;
  struct Box;
  struct Entry {
    std::shared_ptr<KnownContainer> known;
    std::string path;  // of the container's own cgroup; "" for those below
  };
  [[nodiscard]] bool box_has_mail() const;
  void take_in(uint64_t now_ns);
  void take_mail(Mail& mail);
  void take_found(KnownContainer& known, Mail& mail);
  std::shared_ptr<KnownContainer> make();
  // The container whose own cgroup is above that path, if it is known and no claim is nearer.
  std::shared_ptr<KnownContainer> around(std::string_view path, const std::vector<container::Claim>& claims);
  void read(KnownContainer& known, std::vector<container::Claim> claims);
  void read_users(KnownContainer& known, int wait_ms);
  int may_wait_ms(const KnownContainer& known, uint64_t now_ns);
  void users_waited(uint64_t spent_ns);
  void ask(KnownContainer& known);
  void ask_later(KnownContainer& known);
  void take_answer(KnownContainer& known, Mail& mail);
  void set_facts(KnownContainer& known, Container facts);
  void recount(KnownContainer& known);
  void tell_start(KnownContainer& known);
  void put(uint64_t cgroup_id, std::shared_ptr<KnownContainer> known, std::string_view own_path);
  void forget(uint64_t cgroup_id);
  void settle(uint64_t cgroup_id, const KnownContainer& known);

  const SystemClock clock_;
  Options options_;
  std::shared_ptr<const container::RecordReader> reader_;
  Lanes lanes_;
  std::shared_ptr<Box> box_;
  std::unique_ptr<runtime::Asker> asker_;
  std::shared_ptr<const Container> unknown_;
  std::unordered_map<uint64_t, Entry> by_cgroup_;
  std::unordered_map<std::string, std::weak_ptr<KnownContainer>> by_path_;  // the container's own cgroup
  std::unordered_map<uint64_t, std::weak_ptr<KnownContainer>> by_ticket_;   // whose files or socket are being read
  std::deque<std::pair<uint64_t, uint64_t>> gone_;                          // until when, cgroup
  std::multimap<uint64_t, uint64_t> ask_again_;                             // when (CLOCK_MONOTONIC), ticket
  std::deque<std::vector<std::byte>> started_;
  Settled settled_;
  uint64_t tickets_ = 0;
  uint64_t users_wait_ns_ = 0;           // how long the deciding thread may still wait for disks of users
  uint64_t users_waited_at_ns_ = 0;      // CLOCK_MONOTONIC
  uint64_t host_mnt_ns_ = 0;             // inode; 0: not known
  std::shared_ptr<size_t> facts_bytes_;  // shared with what is counted, which outlives its cgroup
  Counter& without_record_;
  Counter& late_;
  Counter& evicted_;
  Counter& over_budget_;
};

// What a `container` event carries: Falco's shape, {"container":{...}}, at most size_max bytes (lists are left out
// then).
std::string container_json(const Container& container, size_t size_max);

}  // namespace tiercel::context
