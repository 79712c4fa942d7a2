#include "agent/context/containers.h"

#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <utility>

#include "agent/base/clock.h"
#include "agent/container/claim.h"
#include "decoders/encode.h"

namespace tiercel::context {
namespace {

constexpr uint64_t kUsersCheckIntervalNs = 1'000'000'000;
constexpr uint64_t kNsPerMs = 1'000'000;
constexpr size_t kContainerFixedBytes = sizeof(Container) + sizeof(KnownContainer) + 256;

uint64_t inode_of(const std::string& path) {
  struct stat st {};
  return ::stat(path.c_str(), &st) == 0 ? st.st_ino : 0;
}

size_t size_of(const container::Labels& labels) {
  size_t out = 0;
  for (const auto& [key, value] : labels) out += sizeof(container::Labels::value_type) + key.size() + value.size();
  return out;
}

// About what it takes in memory.
size_t size_of(const Container& c) {
  size_t out = kContainerFixedBytes + size_of(c.labels) + size_of(c.pod_labels);
  for (const container::Mount& m : c.mounts)
    out += sizeof m + m.source.size() + m.dest.size() + m.mode.size() + m.propagation.size();
  for (const auto* list : {&c.entrypoint, &c.healthcheck})
    for (const std::string& word : *list) out += sizeof(std::string) + word.size();
  for (const auto* text :
       {&c.id,       &c.full_id,    &c.name,     &c.image,        &c.image_repository, &c.image_tag, &c.image_digest,
        &c.image_id, &c.user,       &c.hostname, &c.ip,           &c.cni_json,         &c.pod_name,  &c.pod_namespace,
        &c.pod_uid,  &c.sandbox_id, &c.pod_ip,   &c.pod_cni_json, &c.rootfs,           &c.passwd,    &c.group})
    out += text->size();
  return out;
}

// The id in the container's own namespace; nothing if it has none there.
std::optional<uint32_t> inner_id(const std::vector<container::IdRange>& map, uint32_t id) {
  if (map.empty()) return id;
  for (const container::IdRange& range : map)
    if (id >= range.host && id - range.host < range.size) return range.container + (id - range.host);
  return std::nullopt;
}

// Readers of records and readers of containers' own files have different lanes: a container's root may be what hangs.
uint64_t record_lane(uint64_t owner) {
  return owner * 2;
}
uint64_t users_lane(uint64_t owner) {
  return owner * 2 + 1;
}

}  // namespace

struct Containers::Mail {
  enum class What : uint8_t { kRecord, kUsers, kAnswer };
  What what = What::kRecord;
  uint64_t ticket = 0;
  std::optional<container::RecordReader::Found> found;
  std::shared_ptr<const UserNames> users;
  std::string users_stamp;
  std::shared_ptr<const Container> facts;
};

// Where other threads leave what they found out. Outlives Containers where a reader is stuck.
struct Containers::Box {
  std::mutex mutex;
  std::vector<Mail> mail;
  std::atomic<bool> full{false};

  void post(Mail&& letter) {
    const std::lock_guard lock(mutex);
    mail.push_back(std::move(letter));
    full.store(true, std::memory_order_release);
  }
};

Containers::Containers(Options options, Metrics& metrics)
    : options_(std::move(options)),
      reader_(std::make_shared<container::RecordReader>(options_.roots, container::HostFiles(options_.host_root))),
      box_(std::make_shared<Box>()),
      unknown_(std::make_shared<Container>()),
      host_mnt_ns_(inode_of(options_.host_root + "/proc/1/ns/mnt")),
      facts_bytes_(std::make_shared<size_t>(0)),
      without_record_(metrics.counter("tiercel_containers_without_record_total",
                                      "Containers whose runtime's record was not found, or did not fit")),
      late_(metrics.counter("tiercel_containers_late_total",
                            "Containers whose files were not read in time for their first event")),
      evicted_(metrics.counter("tiercel_cgroups_evicted_total", "Cgroups forgotten, because there were too many")),
      over_budget_(metrics.counter("tiercel_containers_cut_total",
                                   "Containers whose labels, mounts or users were left out for lack of memory")) {
  if (!options_.ask) return;
  runtime::Asker::Options asking;
  asking.sockets = options_.sockets;
  asking.host_root = options_.host_root;
  asker_ = std::make_unique<runtime::Asker>(std::move(asking), metrics,
                                            [box = box_](uint64_t ticket, std::shared_ptr<const Container> facts) {
                                              Mail mail;
                                              mail.what = Mail::What::kAnswer;
                                              mail.ticket = ticket;
                                              mail.facts = std::move(facts);
                                              box->post(std::move(mail));
                                            });
}

Containers::~Containers() = default;

bool Containers::box_has_mail() const {
  return box_->full.load(std::memory_order_acquire);
}

std::shared_ptr<KnownContainer> Containers::make() {
  auto known = std::make_shared<KnownContainer>(facts_bytes_);
  known->ticket = ++tickets_;
  return known;
}

void Containers::put(uint64_t cgroup_id, std::shared_ptr<KnownContainer> known, std::string_view own_path) {
  while (by_cgroup_.size() >= options_.cgroups_max && !by_cgroup_.contains(cgroup_id)) {
    const uint64_t victim = gone_.empty() ? by_cgroup_.begin()->first : gone_.front().second;
    if (gone_.empty())
      evicted_.add();
    else
      gone_.pop_front();
    forget(victim);
  }
  by_cgroup_[cgroup_id] = {std::move(known), std::string(own_path)};
  if (by_ticket_.size() > 2 * options_.cgroups_max)
    std::erase_if(by_ticket_, [](const auto& entry) { return entry.second.expired(); });
}

void Containers::forget(uint64_t cgroup_id) {
  const auto it = by_cgroup_.find(cgroup_id);
  if (it == by_cgroup_.end()) return;
  const Entry entry = std::move(it->second);
  by_cgroup_.erase(it);
  if (settled_) settled_(cgroup_id, false);
  if (const auto path = by_path_.find(entry.path); path != by_path_.end() && path->second.lock() == entry.known)
    by_path_.erase(path);
  if (entry.known.use_count() == 1) by_ticket_.erase(entry.known->ticket);
}

// What rules see as container.id is what counts: a container may call itself "host".
void Containers::settle(uint64_t cgroup_id, const KnownContainer& known) {
  if (!settled_ || !known.read || known.recalled || !known.facts) return;
  if (!known.facts->id.empty() && known.facts->id != "host") settled_(cgroup_id, true);
}

std::shared_ptr<KnownContainer> Containers::around(std::string_view path, const std::vector<container::Claim>& claims) {
  for (const container::Claim& claim : claims) {
    if (claim.path == path) return nullptr;  // a container of its own, perhaps
    const auto it = by_path_.find(claim.path);
    if (it == by_path_.end()) {
      if (claim.sure) return nullptr;
      continue;
    }
    if (auto known = it->second.lock(); known && known->facts) return known;
  }
  return nullptr;
}

void Containers::cgroup_seen(uint64_t cgroup_id, std::string_view path) {
  std::erase_if(gone_, [cgroup_id](const auto& gone) { return gone.second == cgroup_id; });
  const auto it = by_cgroup_.find(cgroup_id);
  if (!options_.read && it != by_cgroup_.end()) return;              // a case has said what it is
  if (it != by_cgroup_.end() && it->second.known->recalled) return;  // a recording has said what it is
  if (settled_ && it != by_cgroup_.end()) settled_(cgroup_id, false);
  std::vector<container::Claim> claims = container::claims_of(path);
  if (auto known = around(path, claims)) {
    put(cgroup_id, known, {});
    return settle(cgroup_id, *known);
  }
  // Who is held by processes already keeps its identity: they were there before anybody told of their cgroup.
  auto known = it != by_cgroup_.end() && it->second.known->facts == unknown_ ? it->second.known : make();
  known->facts = nullptr;
  known->cgroup = path;
  put(cgroup_id, known, path);
  if (claims.empty() || !options_.read) return;
  by_path_[known->cgroup] = known;
  by_ticket_[known->ticket] = known;
  read(*known, std::move(claims));
  settle(cgroup_id, *known);
}

void Containers::read(KnownContainer& known, std::vector<container::Claim> claims) {
  known.owner = claims.front().owner.value_or(0);
  if (claims.front().sure) {  // what its name says, until its record is read
    Container facts = container::container_of(claims.front());
    facts.missing = container::kMissingRecord;
    known.facts = std::make_shared<const Container>(std::move(facts));
  }
  const uint64_t began_ns = clock_.monotonic_ns();
  auto job = [reader = reader_, box = box_, ticket = known.ticket, claims = std::move(claims)] {
    Mail mail;
    mail.ticket = ticket;
    mail.found = reader->find(claims);
    box->post(std::move(mail));
  };
  known.awaited = true;
  const int wait_ms = may_wait_ms(known, began_ns);
  const auto outcome = lanes_.run(record_lane(known.owner), std::move(job), wait_ms);
  if (outcome != Lanes::Outcome::kDone) late_.add();
  if (outcome == Lanes::Outcome::kRefused) without_record_.add();
  take_in(0);
  known.awaited = false;
  if (known.facts && !known.facts->rootfs.empty()) {
    const auto spent_ms = static_cast<int>((clock_.monotonic_ns() - began_ns) / kNsPerMs);
    read_users(known, std::max(0, wait_ms - spent_ms));
  }
  if (known.owner != 0) users_waited(clock_.monotonic_ns() - began_ns);
}

// A disk of a user's that is slow on purpose must not hold up the deciding thread again and again: all users together
// have a twentieth of its time.
int Containers::may_wait_ms(const KnownContainer& known, uint64_t now_ns) {
  constexpr uint64_t kShare = 20;
  if (known.owner == 0) return options_.wait_ms;
  const uint64_t most_ns = static_cast<uint64_t>(options_.wait_ms) * kNsPerMs;
  users_wait_ns_ = std::min(most_ns, users_wait_ns_ + (now_ns - users_waited_at_ns_) / kShare);
  users_waited_at_ns_ = now_ns;
  return static_cast<int>(users_wait_ns_ / kNsPerMs);
}

void Containers::users_waited(uint64_t spent_ns) {
  users_wait_ns_ -= std::min(users_wait_ns_, spent_ns);
}

void Containers::read_users(KnownContainer& known, int wait_ms) {
  known.users_checked_ns = clock_.monotonic_ns();
  auto job = [reader = reader_, box = box_, ticket = known.ticket, facts = known.facts, before = known.users_stamp] {
    Mail mail;
    mail.what = Mail::What::kUsers;
    mail.ticket = ticket;
    mail.users_stamp = reader->users_stamp(*facts);
    if (mail.users_stamp == before) return;
    mail.users = reader->users_of(*facts);
    box->post(std::move(mail));
  };
  lanes_.run(users_lane(known.owner), std::move(job), wait_ms);
  if (wait_ms > 0) take_in(0);
}

void Containers::take_in(uint64_t now_ns) {
  std::vector<Mail> mail;
  if (box_has_mail()) {
    const std::lock_guard lock(box_->mutex);
    mail.swap(box_->mail);
    box_->full.store(false, std::memory_order_relaxed);
  }
  for (Mail& letter : mail) take_mail(letter);
  while (!gone_.empty() && now_ns > gone_.front().first) {
    const uint64_t cgroup_id = gone_.front().second;
    gone_.pop_front();
    forget(cgroup_id);
  }
}

void Containers::take_mail(Mail& mail) {
  const auto it = by_ticket_.find(mail.ticket);
  if (it == by_ticket_.end()) return;
  const auto known = it->second.lock();
  if (!known) {
    by_ticket_.erase(it);
    return;
  }
  if (known->recalled) return;
  switch (mail.what) {
    case Mail::What::kRecord:
      take_found(*known, mail);
      // A late one: its users are read before anybody asks for them, since then it would be too late for that event.
      if (!known->awaited && known->facts && !known->facts->rootfs.empty()) read_users(*known, 0);
      break;
    case Mail::What::kUsers:
      known->users = std::move(mail.users);
      known->users_stamp = std::move(mail.users_stamp);
      recount(*known);
      break;
    case Mail::What::kAnswer:
      take_answer(*known, mail);
      break;
  }
}

void Containers::take_found(KnownContainer& known, Mail& mail) {
  known.read = true;
  if (!mail.found) {
    known.facts = nullptr;
    return;
  }
  if (!mail.found->container.known) without_record_.add();
  if (mail.found->cgroup != known.cgroup) known.told = true;  // a part of a container, which its own cgroup tells of
  set_facts(known, std::move(mail.found->container));
  ask(known);
  if (!known.asked && known.first.size != 0) tell_start(known);
  if (known.awaited) return;  // cgroup_seen() settles it
  for (const auto& [cgroup_id, entry] : by_cgroup_)
    if (entry.known.get() == &known) settle(cgroup_id, known);
}

void Containers::ask(KnownContainer& known) {
  if (!asker_ || !known.facts || known.facts->missing == 0) return;
  known.asked = asker_->ask(known.ticket, known.facts);
  if (!known.asked) ask_later(known);  // too many questions wait
}

// A runtime that is still at making a pod does not know all of it yet; one that hangs or is not there may come back.
void Containers::ask_later(KnownContainer& known) {
  constexpr uint64_t kAgainNs[] = {2'000'000'000, 10'000'000'000, 60'000'000'000, 600'000'000'000};
  ask_again_.emplace(clock_.monotonic_ns() + kAgainNs[known.times_put_off], known.ticket);
  if (known.times_put_off + 1u < std::size(kAgainNs)) ++known.times_put_off;
}

void Containers::take_answer(KnownContainer& known, Mail& mail) {
  known.asked = false;
  if (mail.facts->missing != 0) ask_later(known);
  set_facts(known, *mail.facts);
  if (known.first.size != 0) tell_start(known);
}

void Containers::tick() {
  while (!ask_again_.empty() && ask_again_.begin()->first <= clock_.monotonic_ns()) {
    const auto it = by_ticket_.find(ask_again_.begin()->second);
    ask_again_.erase(ask_again_.begin());
    if (const auto known = it == by_ticket_.end() ? nullptr : it->second.lock()) ask(*known);
  }
}

// Newcomers that do not fit any more go without their lists.
void Containers::set_facts(KnownContainer& known, Container facts) {
  known.bytes.set(0);
  if (*facts_bytes_ + size_of(facts) > options_.facts_bytes_max) {
    over_budget_.add();
    facts.labels.clear();
    facts.pod_labels.clear();
    facts.mounts.clear();
    facts.entrypoint.clear();
    facts.cni_json.clear();
    facts.pod_cni_json.clear();
    facts.cut = true;
  }
  known.facts = std::make_shared<const Container>(std::move(facts));
  recount(known);
}

void Containers::recount(KnownContainer& known) {
  known.bytes.set(0);
  const size_t own = known.facts ? size_of(*known.facts) : 0;
  if (known.users && *facts_bytes_ + own + known.users->size_bytes() > options_.facts_bytes_max) {
    known.users = nullptr;
    over_budget_.add();
  }
  known.bytes.set(own + (known.users ? known.users->size_bytes() : 0));
}

void Containers::cgroup_gone(uint64_t cgroup_id, uint64_t now_ns) {
  const auto it = by_cgroup_.find(cgroup_id);
  if (it == by_cgroup_.end()) return;
  if (const auto path = by_path_.find(it->second.path); path != by_path_.end()) by_path_.erase(path);
  gone_.emplace_back(now_ns + options_.grace_ns, cgroup_id);
}

void Containers::forget_unless(const std::function<bool(uint64_t)>& is_known) {
  std::vector<uint64_t> unknown;
  for (const auto& [cgroup_id, entry] : by_cgroup_)
    if (!is_known(cgroup_id)) unknown.push_back(cgroup_id);
  for (const uint64_t cgroup_id : unknown) forget(cgroup_id);
}

void Containers::announce(uint64_t cgroup_id, Container container) {
  auto known = make();
  known->told = true;
  known->facts = std::make_shared<const Container>(std::move(container));
  put(cgroup_id, std::move(known), {});
}

void Containers::recall(uint64_t cgroup_id, std::shared_ptr<const Container> facts,
                        std::shared_ptr<const UserNames> users) {
  const std::shared_ptr<KnownContainer> known = of_cgroup(cgroup_id);
  known->recalled = true;
  known->facts = std::move(facts);
  known->users = std::move(users);
  recount(*known);
}

std::shared_ptr<KnownContainer> Containers::of_cgroup(uint64_t cgroup_id) {
  if (const auto it = by_cgroup_.find(cgroup_id); it != by_cgroup_.end()) return it->second.known;
  auto known = make();
  if (options_.read) known->facts = unknown_;
  put(cgroup_id, known, {});
  return known;
}

const User* Containers::user(KnownContainer& known, uint32_t uid) {
  if (known.recalled) return known.users ? known.users->user(uid) : nullptr;
  if (!known.facts || !options_.read || known.facts->rootfs.empty()) return nullptr;
  if (clock_.monotonic_ns() - known.users_checked_ns >= kUsersCheckIntervalNs) read_users(known, 0);
  const auto inner = inner_id(known.facts->uid_map, uid);
  return known.users && inner ? known.users->user(*inner) : nullptr;
}

const std::string* Containers::group(KnownContainer& known, uint32_t gid) {
  if (known.recalled) return known.users ? known.users->group(gid) : nullptr;
  if (!known.facts || !options_.read || known.facts->rootfs.empty()) return nullptr;
  if (clock_.monotonic_ns() - known.users_checked_ns >= kUsersCheckIntervalNs) read_users(known, 0);
  const auto inner = inner_id(known.facts->gid_map, gid);
  return known.users && inner ? known.users->group(*inner) : nullptr;
}

void Containers::program_started(KnownContainer& known, const ev_head& head, uint32_t vpid) {
  if (known.told || known.first.size != 0 || !known.facts || known.facts == unknown_) return;
  if (vpid != 1 && (host_mnt_ns_ == 0 || head.mnt_ns == host_mnt_ns_)) return;
  known.first = head;
  if (known.read && !known.asked) tell_start(known);
}

void Containers::tell_start(KnownContainer& known) {
  if (known.told || !known.facts->known) return;
  known.told = true;
  decoders::RecordBuilder<ev_container> record(EVT_container);
  const auto size = record->head.size;
  record->head = known.first;
  record->head.type = EVT_container;
  record->head.size = size;
  record->head.flags = 0;
  const size_t room = TIERCEL_RECORD_MAX - sizeof(ev_container);
  record.set_text(&ev_container::json, container_json(*known.facts, room));
  const auto bytes = record.bytes();
  started_.emplace_back(bytes.begin(), bytes.end());
}

std::vector<std::byte> Containers::take_started() {
  std::vector<std::byte> out = std::move(started_.front());
  started_.pop_front();
  return out;
}

Containers::Counts Containers::counts() const {
  Counts out;
  out.cgroups = by_cgroup_.size();
  out.facts_bytes = *facts_bytes_;
  out.readers_stuck = lanes_.stuck();
  for (const auto& [cgroup_id, entry] : by_cgroup_) {
    const Container* facts = entry.known->facts.get();
    if (!facts || facts == unknown_.get() || entry.path.empty()) continue;
    ++out.containers;
    if (!facts->verified) ++out.unverified;
    if (facts->missing != 0) ++out.waiting;
  }
  return out;
}

}  // namespace tiercel::context
