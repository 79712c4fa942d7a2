// A process table, and records by hand to feed it with.
#pragma once

#include <doctest/doctest.h>

#include <cstring>
#include <string>

#include "agent/context/process_table.h"
#include "decoders/encode.h"

namespace tiercel::context::test {

using decoders::RecordBuilder;

class World {
 public:
  explicit World(size_t processes_max = 64)
      : table({.processes_max = processes_max, .grace_ns = 1'000}, containers, metrics) {}

  Metrics metrics;
  Containers containers{Containers::Options::nothing_read(), metrics};
  ProcessTable table;

  template <class T>
  void apply(const RecordBuilder<T>& built) {
    auto record = decoders::Record::parse(built.bytes());
    REQUIRE(record.has_value());
    table.apply(*record);
  }
  static void set_head(ev_head& head, uint32_t pid, uint64_t start_ns, uint32_t exec_id, uint64_t time_ns) {
    head.pid = head.tid = pid;
    head.start_ns = start_ns;
    head.exec_id = exec_id;
    head.time_ns = time_ns;
  }
  void exec(uint32_t pid, uint64_t start_ns, uint32_t exec_id, uint64_t time_ns, const std::string& path,
            ProcessKey parent = {1, 1}, uint16_t type = EVT_execve) {
    RecordBuilder<ev_exec> b(type);
    set_head(b->head, pid, start_ns, exec_id, time_ns);
    if (type == EVT_task) b->head.flags = EVF_SNAPSHOT;
    b->ptid = parent.pid;
    b->parent_start_ns = parent.start_ns;
    const std::string argv = path + std::string("\0-x\0", 4);
    b->argv_size = static_cast<uint32_t>(argv.size());
    b.set_text(&ev_exec::argv, argv).set_text(&ev_exec::exepath, path).set_text(&ev_exec::cwd, "/home");
    apply(b);
  }
  void fork(uint32_t pid, uint64_t start_ns, uint32_t exec_id, uint64_t time_ns, ProcessKey child) {
    RecordBuilder<ev_fork> b(EVT_fork);
    set_head(b->head, pid, start_ns, exec_id, time_ns);
    b->child_pid = b->child_tid = child.pid;
    b->child_start_ns = child.start_ns;
    b->child_exec_id = exec_id;
    apply(b);
  }
  void exit(uint32_t pid, uint64_t start_ns, uint32_t exec_id, uint64_t time_ns, ProcessKey reaper = {1, 1}) {
    RecordBuilder<ev_exit> b(EVT_procexit);
    set_head(b->head, pid, start_ns, exec_id, time_ns);
    b->reaper_tid = reaper.pid;
    b->reaper_start_ns = reaper.start_ns;
    apply(b);
  }
  // A call by the process as the table knows it: what the head says is what it said last.
  void call(uint16_t type, const Process& who, uint64_t a0 = 0, uint64_t a1 = 0, int64_t res = 0) {
    RecordBuilder<ev_call> b(type);
    set_head(b->head, who.key.pid, who.key.start_ns, who.image->exec_id, 1500);
    b->head.pid_ns = who.ns.pid;
    b->a0 = a0;
    b->a1 = a1;
    b->res = res;
    apply(b);
  }
  // What the task iterator tells of a process.
  void task(uint32_t pid, uint64_t start_ns, uint32_t exec_id, uint64_t time_ns, const std::string& path,
            ProcessKey parent = {1, 1}) {
    exec(pid, start_ns, exec_id, time_ns, path, parent, EVT_task);
  }
  std::shared_ptr<Process> get(uint32_t pid, uint64_t start_ns) {
    auto found = table.find({pid, start_ns});
    REQUIRE(found);
    return found;
  }
  static ev_head head(uint32_t pid, uint64_t start_ns, uint32_t exec_id) {
    ev_head h{};
    set_head(h, pid, start_ns, exec_id, 0);
    return h;
  }
};

}  // namespace tiercel::context::test
