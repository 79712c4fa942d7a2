#include "agent/casefile/stage.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <map>

#include "agent/casefile/descriptor_reader.h"
#include "agent/casefile/process_reader.h"
#include "agent/context/path.h"
#include "agent/sensor/recording.h"

namespace tiercel::casefile {
namespace {

constexpr uint64_t kNow =
    2'000'000'000'000'000'000;  // CLOCK_BOOTTIME, and the wall's: later than any age that a case may give
constexpr uint64_t kHostCgroup = 1, kFirstContainerCgroup = 100;
constexpr uint32_t kHostNs = 4026531836, kFirstContainerNs = 4026532000;
constexpr uint32_t kFirstPid = 1000;
constexpr int64_t kFirstChildPid = 9000;
constexpr uint32_t kDevice = 8u << 8 | 1;
constexpr uint64_t kInode = 4712;
constexpr uint32_t kPtsMajor = 136;
constexpr uint64_t kHostAge = kYearNs / 12;
constexpr uint64_t kOlder = 1'000'000;  // a pid namespace than the first of its processes that are told of
constexpr const char* kNowhere = "/nonexistent";
constexpr size_t kRecordsPerDrain = 1024;
constexpr int64_t kAtFdcwd = -100;

std::string nul_joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out.append(word).push_back('\0');
  return out;
}

context::Containers::Options options_for(Stage::For what) {
  if (what == Stage::For::kCase) return context::Containers::Options::nothing_read();
  context::Containers::Options options;
  options.ask = false;
  return options;
}

}  // namespace

Stage::Stage(For what)
    : clock_(kNow, 0),
      containers_(options_for(what), metrics_),
      table_(context::ProcessTable::Limits{}, containers_, metrics_),
      users_(what == For::kCase ? kNowhere : ""),
      enricher_(clock_, table_, containers_, users_),
      now_ns_(kNow) {}

void Stage::give(std::span<const std::byte> bytes, const EventHandler& handler) {
  auto record = decoders::Record::parse(bytes);
  if (record)
    enricher_.attach(*record, [&](context::Event& event) { handler(event); });
  else
    ++broken_;
}

Result<> Stage::play_recording(const std::string& path, const EventHandler& handler) {
  auto replay = sensor::open_recording(path);
  if (!replay) return tl::unexpected(replay.error());
  enricher_.set_wall_offset_ns(replay->realtime_offset_ns);
  const sensor::RecordHandler take = [&](std::span<const std::byte> bytes) { give(bytes, handler); };
  if (auto started = replay->source->start(take); !started) return started;
  while (!replay->source->finished()) replay->source->drain(take, kRecordsPerDrain);
  if (broken_ > 0) return fail(path + ": " + std::to_string(broken_) + " records cannot be decoded", Fault::kUser);
  return {};
}

// Numbers for everybody: pids from the top of the tree down, one cgroup and one pid namespace per container.
void Stage::cast(const Case& what) {
  line_.clear();
  std::vector<std::string> containers;
  uint32_t next_pid = kFirstPid, next_vpid = 0;
  for (size_t n = what.line.size(); n-- > 0;) {
    const ProcessSpec& spec = what.line[n];
    Actor actor;
    actor.spec = &spec;
    actor.cgroup_id = kHostCgroup;
    actor.pid = spec.pid != 0 ? spec.pid : n + 1 == what.line.size() && spec.name == "systemd" ? 1 : next_pid++;
    actor.vpid = actor.pid;
    actor.start_ns = kNow - spec.age_ns - n;  // nobody is born at the same time
    if (spec.container) {
      const std::string& id = spec.container->full_id;
      auto it = std::find(containers.begin(), containers.end(), id);
      if (it == containers.end()) {
        it = containers.insert(containers.end(), id);
        next_vpid = 2;  // its first process is not told about; 1 only where the case says so
      }
      actor.cgroup_id = kFirstContainerCgroup + static_cast<uint64_t>(it - containers.begin());
      containers_.announce(actor.cgroup_id, *spec.container);
      actor.vpid = next_vpid++;
    }
    if (spec.vpid != 0) actor.vpid = spec.vpid;
    line_.insert(line_.begin(), actor);
  }
  siblings_.clear();
  for (size_t n = 0; n < what.siblings.size(); ++n) {
    Actor actor = line_.front();
    actor.spec = &what.siblings[n];
    actor.pid = actor.spec->pid != 0 ? actor.spec->pid : next_pid++;
    actor.vpid = actor.spec->vpid != 0 ? actor.spec->vpid : actor.spec->container ? next_vpid++ : actor.pid;
    actor.start_ns = kNow - actor.spec->age_ns + n + 1;
    siblings_.push_back(actor);
  }
  // A pid namespace is older than whatever is in it.
  std::map<uint64_t, uint64_t> born;
  for (const Actor& actor : line_) {
    const ProcessSpec& spec = *actor.spec;
    auto [it, first] = born.try_emplace(actor.cgroup_id, spec.container ? actor.start_ns : kNow - kHostAge);
    it->second = std::min(it->second, actor.start_ns - kOlder);
    if (spec.container_age_ns != 0) it->second = kNow - spec.container_age_ns;
  }
  for (Actor& actor : line_) actor.pidns_init_ns = born[actor.cgroup_id];
  for (Actor& actor : siblings_) actor.pidns_init_ns = line_.front().pidns_init_ns;
  for (const auto& [uid, name] : what.users) users_.announce_user(uid, {name, "/home/" + name, "/bin/bash", uid});
  for (const auto& [gid, name] : what.groups) users_.announce_group(gid, name);
  users_.announce_user(0, {"root", "/root", "/bin/bash", 0});
  users_.announce_group(0, "root");
}

void Stage::fill_head(ev_head& head, const Actor& actor) const {
  head.time_ns = now_ns_;
  head.start_ns = actor.start_ns;
  head.cgroup_id = actor.cgroup_id;
  head.pid = head.tid = actor.pid;
  if (actor.spec->tid != 0 && actor.spec->tid != actor.pid) {
    head.tid = actor.spec->tid;
    head.flags |= EVF_THREAD;
  }
  head.exec_id = actor.exec_id;
  head.uid = head.euid = actor.spec->uid;
  head.gid = head.egid = actor.spec->gid;
  head.cap_permitted = actor.spec->cap_permitted;
  head.cap_effective = actor.spec->cap_effective;
  head.cap_inheritable = actor.spec->cap_inheritable;
  head.loginuid = actor.spec->loginuid;
  head.nthreads = actor.spec->usage.threads;
  const bool host = actor.cgroup_id < kFirstContainerCgroup;
  head.mnt_ns = head.pid_ns = host ? kHostNs : kFirstContainerNs + static_cast<uint32_t>(actor.cgroup_id);
  const std::string comm = actor.spec->name.substr(0, sizeof head.comm - 1);
  std::memcpy(head.comm, comm.data(), comm.size());
}

void Stage::fill_exec(decoders::Composer& record, const Actor& actor, const Actor* parent) const {
  const ProcessSpec& spec = *actor.spec;
  auto number = [&](std::string_view name, uint64_t value) {
    if (!record.given(name)) record.put_number(name, static_cast<int64_t>(value));
  };
  auto text = [&](std::string_view name, const std::string& value) {
    if (!record.given(name)) record.put_text(name, value);
  };
  std::vector<std::string> argv{spec.exe};
  argv.insert(argv.end(), spec.args.begin(), spec.args.end());
  text("argv", nul_joined(argv));
  text("env", nul_joined(spec.env));
  text("filename", spec.script.empty() ? spec.exepath : spec.script);
  if (!spec.script.empty()) text("interp", spec.exe);
  if (!spec.cgroups.empty()) text("cgroups", spec.cgroups);
  text("exepath", spec.exepath);
  text("cwd", spec.cwd);
  number("argv_size", record.text("argv").size());
  number("env_size", record.text("env").size());
  if (parent) {
    number("ptid", parent->pid);
    number("parent_start_ns", parent->start_ns);
  }
  number("flags", spec.exe_flags);
  number("tty", spec.tty);
  number("sid", spec.sid != 0 ? spec.sid : actor.pid);
  number("pgid", spec.pgid != 0 ? spec.pgid : actor.pid);
  for (const char* id : {"vpid", "vtid"}) number(id, actor.vpid);
  number("vsid", spec.vsid != 0 ? spec.vsid : actor.vpid);
  number("vpgid", spec.vpgid != 0 ? spec.vpgid : actor.vpid);
  number("exe_ino", spec.exe_ino);
  number("exe_ino_ctime", kNow - spec.exe_ctime_age_ns);
  number("exe_ino_mtime", kNow - spec.exe_mtime_age_ns);
  number("exe_dev", kDevice);
  number("net_ns", record.head().pid_ns);
  fill_stdio(record, spec);
  fill_usage(record, actor);
}

// The terminal that the process has, else nothing worth reading.
void Stage::fill_stdio(decoders::Composer& record, const ProcessSpec& spec) {
  const uint32_t minor = spec.tty & 0xff;
  const bool pts = spec.tty >> 8 == kPtsMajor;
  const std::string usual = spec.tty == 0 ? "/dev/null" : pts ? "/dev/pts/" + std::to_string(minor) : "/dev/tty";
  constexpr const char* kNames[] = {"stdin", "stdout", "stderr"};
  for (unsigned n = 0; n < 3; ++n) {
    const DescriptorSpec what = spec.stdio[n].value_or(*parse_descriptor(usual, n));
    const std::string name = std::string(kNames[n]) + "_";
    auto number = [&](const char* part, uint64_t value) {
      if (!record.given(name + part)) record.put_number(name + part, static_cast<int64_t>(value));
    };
    number("ino", what.ino);
    number("source", what.source);
    number("peer", what.peer);
    number("mode", what.mode);
    number("magic", what.magic);
    number("family", what.family);
    number("lport", what.local.port);
    number("rport", what.remote.port);
    if (!record.given(name + "laddr")) record.put_address(name + "laddr", what.local.address);
    if (!record.given(name + "raddr")) record.put_address(name + "raddr", what.remote.address);
    if (!record.given(name + "name")) record.put_text(name + "name", what.name);
  }
}

// Of records that tell what their process has used.
void Stage::fill_usage(decoders::Composer& record, const Actor& actor) {
  const UsageSpec& usage = actor.spec->usage;
  const std::pair<const char*, uint64_t> figures[] = {{"fdlimit", usage.fdlimit},
                                                      {"pgft_maj", usage.pgft_maj},
                                                      {"pgft_min", usage.pgft_min},
                                                      {"vm_size", usage.vm_size},
                                                      {"vm_rss", usage.vm_rss},
                                                      {"vm_swap", usage.vm_swap},
                                                      {"pidns_init_ns", actor.pidns_init_ns}};
  for (const auto& [name, value] : figures)
    if (!record.given(name)) record.put_number(name, static_cast<int64_t>(value));
}

// As the task iterator tells of those that were there before.
void Stage::announce(const Actor& actor, const Actor* parent, const EventHandler& handler) {
  decoders::Composer record(*decoders::event_info(EVT_task), ids_);
  fill_head(record.head(), actor);
  record.head().flags = EVF_SNAPSHOT;
  record.head().time_ns = actor.start_ns;
  fill_exec(record, actor, parent);
  give(record.finish(), handler);
}

// The case's process (0), or one of its siblings. Who begins with an execve was a copy of its parent until then, unless
// the call failed.
void Stage::enter(const Case& what, size_t sibling, const EventHandler& handler) {
  Actor actor = sibling == 0 ? line_.front() : siblings_[sibling - 1];
  const Actor* parent = line_.size() > 1 ? &line_[1] : nullptr;
  const auto first = std::find_if(what.events.begin(), what.events.end(),
                                  [sibling](const EventSpec& event) { return event.sibling == sibling; });
  const bool execs =
      first != what.events.end() && first->info->record->name == "exec" && compose(*first).number("res") >= 0;
  if (parent && execs) {
    ProcessSpec& before = before_exec_.emplace_back(*actor.spec);
    before.name = parent->spec->name;
    before.exe = parent->spec->exe;
    before.exepath = parent->spec->exepath;
    before.args = parent->spec->args;
    actor.spec = &before;
  }
  announce(actor, parent, handler);
}

void Stage::play(const Case& what, const EventHandler& handler) {
  People people;
  people.users = what.users;
  people.groups = what.groups;
  ids_ = people.ids();
  cast(what);
  for (size_t n = line_.size(); n-- > 1;) announce(line_[n], n + 1 < line_.size() ? &line_[n + 1] : nullptr, handler);
  for (size_t n = 0; n <= siblings_.size(); ++n) enter(what, n, handler);
  for (const EventSpec& event : what.events) {
    now_ns_ += event.after_ns;
    play_event(event, handler);
  }
}

decoders::Composer Stage::compose(const EventSpec& event) const {
  decoders::Composer record(*event.info, ids_);
  for (const ParamSpec& param : event.params)
    if (!record.set(param.name, param.words)) std::abort();  // the reader tried it
  return record;
}

void Stage::play_event(const EventSpec& event, const EventHandler& handler) {
  decoders::Composer record = compose(event);
  self_ = event.sibling == 0 ? &line_.front() : &siblings_[event.sibling - 1];
  Actor& self = *self_;
  const bool exec = event.info->record->name == "exec";
  if (exec && record.number("res") >= 0) ++self.exec_id;
  fill_head(record.head(), self);
  if (exec)
    fill_exec(record, self, line_.size() > 1 ? &line_[1] : nullptr);
  else
    fill_rest(record);
  give(record.finish(), handler);
}

// What the kernel would tell of a call beside its parameters.
void Stage::fill_rest(decoders::Composer& record) {
  const std::string_view kind = record.info().record->name;
  const std::string& cwd = self_->spec->cwd;
  if (kind == "path" || kind == "paths") return fill_paths(record, cwd);
  if (kind == "open") return fill_open(record);
  if (kind == "fork") return fill_fork(record);
  if (kind == "setid") return fill_setid(record);
  if (kind == "memory") return fill_usage(record, *self_);
  if (kind == "procinfo") return fill_cpu(record);
  if (kind == "mount" && !record.given("base")) record.put_text("base", cwd);
  if (kind == "chdir" && record.number("res") >= 0 && !record.given("cwd"))
    record.put_text("cwd", record.given("path") ? context::absolute_path(cwd, record.text("path")) : cwd);
}

void Stage::fill_paths(decoders::Composer& record, const std::string& cwd) {
  const bool two = record.info().record->name == "paths";
  const std::pair<const char*, const char*> ends[] = {{"dirfd", "base"}, {"dirfd2", "base2"}};
  for (size_t n = 0; n < (two ? 2u : 1u); ++n) {
    if (!record.given(ends[n].first)) record.put_number(ends[n].first, kAtFdcwd);
    if (!record.given(ends[n].second)) record.put_text(ends[n].second, cwd);
    if (record.number(ends[n].first) < 0 || record.given("i_mode")) continue;
    record.put_number("i_mode", S_IFDIR | 0755);
    record.put_number("fd_flags", FDF_FILE);
    record.put_text("realpath", record.text(ends[n].second));
  }
}

void Stage::fill_open(decoders::Composer& record) {
  if (!record.given("fd")) record.put_number("fd", 3);
  if (!record.given("dirfd")) record.put_number("dirfd", kAtFdcwd);
  if (!record.given("base")) record.put_text("base", self_->spec->cwd);
  if (record.number("dirfd") >= 0 && !record.given("base_mode")) record.put_number("base_mode", S_IFDIR | 0755);
  if (record.info().type == EVT_creat && !record.given("flags"))
    record.put_number("flags", O_CREAT | O_WRONLY | O_TRUNC);
  if (record.number("fd") < 0) return;
  if (!record.given("realpath"))
    record.put_text("realpath", context::absolute_path(record.text("base"), record.text("name")));
  const bool directory = (record.number("flags") & O_DIRECTORY) != 0;
  if (!record.given("fd_flags")) record.put_number("fd_flags", FDF_FILE);
  if (!record.given("i_mode")) record.put_number("i_mode", directory ? S_IFDIR | 0755 : S_IFREG | 0644);
  if (!record.given("dev")) record.put_number("dev", kDevice);
  if (!record.given("ino")) record.put_number("ino", kInode);
}

void Stage::fill_fork(decoders::Composer& record) {
  const Actor& self = *self_;
  if (record.number("res") < 0) return;
  const int64_t child = record.number("child_pid") > 0 ? record.number("child_pid")
                        : record.number("res") > 0     ? record.number("res")
                                                       : kFirstChildPid;
  auto number = [&](std::string_view name, uint64_t value) {
    if (!record.given(name)) record.put_number(name, static_cast<int64_t>(value));
  };
  for (const char* id : {"child_pid", "child_tid", "res"}) number(id, static_cast<uint64_t>(child));
  for (const char* id : {"child_vpid", "child_vtid"})
    number(id, self.vpid == self.pid ? static_cast<uint64_t>(child) : self.vpid + 1);
  number("child_start_ns", now_ns_);
  number("child_cgroup_id", self.cgroup_id);
  number("child_exec_id", self.exec_id);
  number("child_pid_ns", record.head().pid_ns);
  fill_usage(record, self);
}

// One whole CPU unless the case says otherwise, and what is not the kernel's share is the program's own. The process
// has used no CPU before.
void Stage::fill_cpu(decoders::Composer& record) {
  constexpr int64_t kInterval = 30'000'000'000, kWhole = 100'000, kNsPerTick = 10'000'000;
  const bool user = record.given("user"), system = record.given("system");
  auto number = [&](std::string_view name, int64_t value) {
    if (!record.given(name)) record.put_number(name, value);
  };
  number("cpu",
         user && system ? record.number("user") + record.number("system") : std::max(kWhole, record.number("user")));
  const int64_t cpu = record.number("cpu");
  if (user) number("system", std::max<int64_t>(0, cpu - record.number("user")));
  number("user", std::max<int64_t>(0, cpu - record.number("system")));
  number("interval_ns", kInterval);
  const int64_t ns_per_unit = record.number("interval_ns") / kWhole;
  number("total_ns", cpu * ns_per_unit);
  number("cpu_usr", record.number("user") * ns_per_unit / kNsPerTick);
  number("cpu_sys", record.number("system") * ns_per_unit / kNsPerTick);
}

// The ids in the head are those after the call. An id that is not given stays what it was (-1 to the kernel).
void Stage::fill_setid(decoders::Composer& record) {
  const uint16_t type = record.info().type;
  const bool one = type == EVT_setuid || type == EVT_setgid;
  if (!one)
    for (const char* name : {"ruid", "euid", "suid", "rgid", "egid", "sgid"})
      if (!record.given(name)) record.put_number(name, -1);
  if (record.number("res") < 0) return;
  ev_head& head = record.head();
  auto set = [&](std::string_view name, __u32& id) {
    const auto value = static_cast<uint32_t>(record.number(name));
    if (value != UINT32_MAX) id = value;
  };
  if (type == EVT_setuid) head.uid = head.euid = static_cast<uint32_t>(record.number("uid"));
  if (type == EVT_setgid) head.gid = head.egid = static_cast<uint32_t>(record.number("gid"));
  if (one) return;
  set("ruid", head.uid);
  set("euid", head.euid);
  set("rgid", head.gid);
  set("egid", head.egid);
}

}  // namespace tiercel::casefile
