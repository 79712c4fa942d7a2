// Short words for the check-list tests of fields and events: one record of any type, and what a field shows of it.
#pragma once

#include <string>
#include <vector>

#include "agent/base/clock.h"
#include "agent/context/enricher.h"
#include "check_conditions_support.h"

namespace tiercel::rule::test {

template <class T>
using Builder = decoders::RecordBuilder<T>;

template <class T, class Fill>
TestEvent event_of(World& world, uint16_t type, Fill&& fill) {
  Builder<T> builder(type);
  fill(builder);
  return {world, builder};
}

inline std::string shown(std::string_view format, const TestEvent& event) {
  return rendered(format, *event).message;
}
// A field without a value: it does not exist, and prints as <NA>.
inline bool is_missing(const std::string& field, const TestEvent& event) {
  return !holds(field + " exists", *event) && shown("%" + field, event) == "<NA>";
}

// What a record says of a file's descriptor. The number goes elsewhere.
template <class T>
void set_file(Builder<T>& builder, std::string_view path, uint32_t i_mode = S_IFREG | 0644, uint32_t magic = 0xef53) {
  builder->fd_flags |= FDF_FILE;
  builder->i_mode = i_mode;
  builder->magic = magic;
  builder->ino = 4711;
  builder->dev = 8u << 8 | 1;
  builder.set_text(&T::realpath, path);
}

// A call on a file's descriptor, or one that makes it.
inline TestEvent file_event(World& world, uint16_t type, int64_t fd, std::string_view path,
                            uint32_t i_mode = S_IFREG | 0644, uint32_t magic = 0xef53, int64_t res = 0) {
  return event_of<ev_desc>(world, type, [&](Builder<ev_desc>& b) {
    b->res = res;
    b->fd = fd;
    if (fd >= 0) set_file(b, path, i_mode, magic);
  });
}

struct PathArgs {
  std::string name = {}, base = "/desk";
  int64_t res = 0;
  uint64_t a1 = 0, a2 = 0;
};
inline TestEvent path_event(World& world, uint16_t type, const PathArgs& args) {
  return event_of<ev_path>(world, type, [&](Builder<ev_path>& b) {
    b->res = args.res;
    b->dirfd = -100;
    b->a1 = args.a1;
    b->a2 = args.a2;
    b.set_text(&ev_path::name, args.name).set_text(&ev_path::base, args.base);
  });
}

struct TwoPathArgs {
  std::string first = {}, second = {}, base = "/one", base2 = "/two";
  int64_t res = 0;
};
inline TestEvent two_path_event(World& world, uint16_t type, const TwoPathArgs& args) {
  return event_of<ev_paths>(world, type, [&](Builder<ev_paths>& b) {
    b->res = args.res;
    b->dirfd = b->dirfd2 = -100;
    b.set_text(&ev_paths::first, args.first).set_text(&ev_paths::base, args.base);
    b.set_text(&ev_paths::second, args.second).set_text(&ev_paths::base2, args.base2);
  });
}

// A call whose arguments are numbers.
inline TestEvent call_event(World& world, uint16_t type, int64_t res, uint64_t a0 = 0, uint64_t a1 = 0,
                            uint64_t a2 = 0) {
  return event_of<ev_call>(world, type, [&](Builder<ev_call>& b) {
    b->res = res;
    b->a0 = a0;
    b->a1 = a1;
    b->a2 = a2;
  });
}

// The whole way of a record: the process table learns of it, then rules see it.
class Host {
 public:
  Host()
      : containers_(context::Containers::Options::nothing_read(), metrics_),
        table_(context::ProcessTable::Limits{}, containers_, metrics_),
        users_("/nonexistent"),
        enricher_(clock_, table_, containers_, users_) {}

  struct Who {
    uint32_t pid = 300;
    uint32_t uid = 0;
    uint32_t exec_id = 1;
    std::string comm = "bash";
  };

  // What the format shows of each event that the record makes.
  template <class T>
  std::vector<std::string> feed(Builder<T>& builder, const Who& who, std::string_view format) {
    ev_head& head = builder->head;
    head.time_ns = now_ += 1'000'000;
    head.pid = head.tid = who.pid;
    head.start_ns = start_of(who.pid);
    head.exec_id = who.exec_id;
    head.uid = head.euid = head.gid = head.egid = who.uid;
    head.loginuid = UINT32_MAX;
    head.nthreads = 1;
    head.pid_ns = kRootPidNs;
    head.size = static_cast<uint32_t>(builder.bytes().size());
    who.comm.copy(head.comm, sizeof head.comm - 1);
    const auto record = decoders::Record::parse(builder.bytes());
    if (!record) throw std::runtime_error("no record");
    std::vector<std::string> out;
    enricher_.attach(*record, [&](context::Event& event) { out.push_back(rendered(format, event).message); });
    return out;
  }

  struct Exec {
    std::vector<std::string> argv = {"-bash"};
    std::string env = {}, cwd = "/root", exepath = "/usr/bin/bash";
    uint32_t parent = 1, vpid = 0, sid = 0, pgid = 0;
    int64_t res = 0;
  };
  std::vector<std::string> exec(const Who& who, const Exec& args, std::string_view format) {
    Builder<ev_exec> builder(EVT_execve);
    builder->res = args.res;
    builder->ptid = args.parent;
    builder->parent_start_ns = start_of(args.parent);
    builder->vpid = builder->vtid = args.vpid ? args.vpid : who.pid;
    builder->sid = builder->vsid = args.sid ? args.sid : who.pid;
    builder->pgid = builder->vpgid = args.pgid ? args.pgid : who.pid;
    std::string argv;
    for (const std::string& word : args.argv) argv += word + '\0';
    builder->argv_size = static_cast<uint32_t>(argv.size());
    builder.set_text(&ev_exec::argv, argv).set_text(&ev_exec::env, args.env).set_text(&ev_exec::cwd, args.cwd);
    builder.set_text(&ev_exec::exepath, args.exepath);
    return feed(builder, who, format);
  }

  struct Child {
    uint32_t pid = 400, vpid = 400, pid_ns = kRootPidNs;
  };
  std::vector<std::string> fork(const Who& who, const Child& child, std::string_view format,
                                uint16_t type = EVT_clone) {
    Builder<ev_fork> builder(type);
    builder->res = child.vpid;
    builder->child_pid = builder->child_tid = child.pid;
    builder->child_vpid = builder->child_vtid = child.vpid;
    builder->child_pid_ns = child.pid_ns;
    builder->child_start_ns = start_of(child.pid);
    builder->child_exec_id = who.exec_id;
    return feed(builder, who, format);
  }

  std::vector<std::string> call(const Who& who, uint16_t type, uint64_t a0, uint64_t a1, int64_t res,
                                std::string_view format) {
    Builder<ev_call> builder(type);
    builder->res = res;
    builder->a0 = a0;
    builder->a1 = a1;
    return feed(builder, who, format);
  }

  context::Users& users() { return users_; }
  [[nodiscard]] std::shared_ptr<context::Process> process(uint32_t pid) const {
    return table_.find({pid, start_of(pid)});
  }

  static constexpr uint32_t kRootPidNs = 0xEFFFFFFC;

 private:
  static uint64_t start_of(uint32_t pid) { return 1'000'000'000 + pid; }
  FakeClock clock_{kNow};
  uint64_t now_ = kNow;
  Metrics metrics_;
  context::Containers containers_;
  context::ProcessTable table_;
  context::Users users_;
  context::Enricher enricher_;
};

using Texts = std::vector<std::string>;

}  // namespace tiercel::rule::test
