// After a loss of records: what the task iterator tells puts the table right.
#include <doctest/doctest.h>

#include <string>

#include "agent/context/image.h"
#include "context_support.h"

using namespace tiercel;
using namespace tiercel::context;
using namespace tiercel::context::test;

namespace {

// init, and a shell with one child.
struct Family {
  World w;
  Family() {
    w.exec(1, 1, 0, 900, "/sbin/init", {0, 0});
    w.exec(10, 100, 1, 1000, "/bin/sh");
    w.fork(10, 100, 1, 1100, {11, 200});
    w.exec(11, 200, 2, 1200, "/bin/child", {10, 100});
  }
  uint64_t healed() { return static_cast<uint64_t>(w.metrics.sum("tiercel_processes_healed_total")); }
};

}  // namespace

TEST_CASE("what agrees stays as it was, and is not marked") {
  Family f;
  f.w.table.heal_begin(2000);
  f.w.task(1, 1, 0, 2001, "/sbin/init", {0, 0});
  f.w.task(10, 100, 1, 2001, "/bin/sh");
  f.w.task(11, 200, 2, 2001, "/bin/child", {10, 100});
  f.w.table.heal_end(2002);
  CHECK(f.healed() == 0);
  CHECK(f.w.table.size() == 3);
  for (const auto& process : {f.w.get(1, 1), f.w.get(10, 100), f.w.get(11, 200)}) {
    CHECK_FALSE(process->uncertain);
    CHECK(process->exit_time_ns == 0);
  }
  CHECK(f.w.get(11, 200)->past_images.size() == 1);  // the shell that it was before its exec
}

TEST_CASE("facts that change without a record are taken over") {
  Family f;
  f.w.table.heal_begin(2000);
  RecordBuilder<ev_exec> b(EVT_task);
  World::set_head(b->head, 11, 200, 2, 2001);
  b->head.flags = EVF_SNAPSHOT;
  b->head.euid = 33;
  b->ptid = 1;  // its parent ended, and the record was lost
  b->parent_start_ns = 1;
  b->sid = 11;
  b.set_text(&ev_exec::cwd, "/srv").set_text(&ev_exec::exepath, "/bin/child");
  f.w.apply(b);
  const auto process = f.w.get(11, 200);
  CHECK(process->cwd == "/srv");
  CHECK(process->sid == 11);
  CHECK(process->euid == 33);
  CHECK(process->parent->key == ProcessKey{1, 1});
  CHECK(process->image->argv.size() == 2);  // what its exec told is not replaced by less
  CHECK_FALSE(process->uncertain);
}

TEST_CASE("a missed exec") {
  Family f;
  f.w.table.heal_begin(2000);
  f.w.task(1, 1, 0, 2001, "/sbin/init", {0, 0});
  f.w.task(10, 100, 1, 2001, "/bin/sh");
  f.w.task(11, 200, 5, 2001, "/bin/other", {10, 100});
  f.w.table.heal_end(2002);
  const auto process = f.w.get(11, 200);
  CHECK(process->image->exepath == "/bin/other");
  CHECK(process->image->exec_id == 5);
  CHECK(process->uncertain);
  CHECK(f.healed() == 1);
  // a record of the old program that was on its way is still that program's
  CHECK(ProcessTable::image_of(*process, 2)->exepath == "/bin/child");
  CHECK_FALSE(f.w.get(10, 100)->uncertain);
}

TEST_CASE("a missed exit: ended now, with a grace period as any other") {
  Family f;
  f.w.table.heal_begin(2000);
  f.w.task(1, 1, 0, 2001, "/sbin/init", {0, 0});
  f.w.task(11, 200, 2, 2001, "/bin/child", {1, 1});
  f.w.table.heal_end(2002);
  const auto shell = f.w.get(10, 100);
  CHECK(shell->exit_time_ns == 2002);
  CHECK(shell->uncertain);
  CHECK(f.healed() == 1);
  CHECK(ProcessTable::parent_of(*f.w.get(11, 200), f.w.table)->key == ProcessKey{1, 1});
  f.w.exec(20, 2500, 1, 3002, "/bin/x");
  CHECK(f.w.table.find({10, 100}));
  f.w.exec(21, 2500, 1, 3003, "/bin/x");
  CHECK_FALSE(f.w.table.find({10, 100}));
}

TEST_CASE("a missed fork") {
  Family f;
  f.w.table.heal_begin(2000);
  f.w.task(1, 1, 0, 2001, "/sbin/init", {0, 0});
  f.w.task(10, 100, 1, 2001, "/bin/sh");
  f.w.task(11, 200, 2, 2001, "/bin/child", {10, 100});
  f.w.task(12, 1500, 7, 2001, "/bin/unseen", {11, 200});
  f.w.table.heal_end(2002);
  const auto process = f.w.get(12, 1500);
  CHECK(process->image->exepath == "/bin/unseen");
  CHECK(process->parent == f.w.get(11, 200));
  CHECK(process->exit_time_ns == 0);
  CHECK(process->uncertain);
  CHECK(f.healed() == 1);
  CHECK(f.w.table.by_pid(12) == process);
}

TEST_CASE("its own exec makes a healed process certain again") {
  Family f;
  f.w.table.heal_begin(2000);
  f.w.task(12, 1500, 7, 2001, "/bin/unseen", {11, 200});
  f.w.exec(12, 1500, 8, 2100, "/bin/seen", {11, 200});
  CHECK_FALSE(f.w.get(12, 1500)->uncertain);
  CHECK(f.w.get(12, 1500)->image->exepath == "/bin/seen");
}

TEST_CASE("who was made after the look began did not end for not being in it") {
  Family f;
  f.w.table.heal_begin(2000);
  f.w.fork(10, 100, 1, 2001, {12, 2001});
  f.w.task(1, 1, 0, 2001, "/sbin/init", {0, 0});
  f.w.task(10, 100, 1, 2001, "/bin/sh");
  f.w.task(11, 200, 2, 2001, "/bin/child", {10, 100});
  f.w.table.heal_end(2002);
  CHECK(f.w.get(12, 2001)->exit_time_ns == 0);
  CHECK(f.healed() == 0);
}

TEST_CASE("who ended before the look is not ended again") {
  Family f;
  f.w.exit(11, 200, 2, 1900);
  f.w.table.heal_begin(2000);
  f.w.task(1, 1, 0, 2001, "/sbin/init", {0, 0});
  f.w.task(10, 100, 1, 2001, "/bin/sh");
  f.w.table.heal_end(2002);
  CHECK(f.w.get(11, 200)->exit_time_ns == 1900);
  CHECK_FALSE(f.w.get(11, 200)->uncertain);
  CHECK(f.healed() == 0);
}

TEST_CASE("a look that tells of one who was held for ended") {
  Family f;
  f.w.table.heal_begin(2000);  // an incomplete look
  f.w.table.heal_end(2002);
  CHECK(f.w.get(11, 200)->exit_time_ns == 2002);
  f.w.table.heal_begin(2500);
  f.w.task(1, 1, 0, 2501, "/sbin/init", {0, 0});
  f.w.task(10, 100, 1, 2501, "/bin/sh");
  f.w.task(11, 200, 2, 2501, "/bin/child", {10, 100});
  f.w.table.heal_end(2502);
  f.w.exec(20, 2500, 1, 9000, "/bin/x");
  REQUIRE(f.w.table.find({11, 200}));
  CHECK(f.w.get(11, 200)->exit_time_ns == 0);
  CHECK(f.w.get(11, 200)->uncertain);
}

TEST_CASE("a full table does not forget one who turned out to live in place of the dead") {
  World w(4);
  w.exec(1, 1, 0, 900, "/sbin/init", {0, 0});
  w.exec(10, 100, 1, 1000, "/bin/sh");
  w.table.heal_begin(2000);
  w.table.heal_end(2000);  // both are held for ended
  w.table.heal_begin(2001);
  w.task(1, 1, 0, 2001, "/sbin/init", {0, 0});
  w.task(10, 100, 1, 2001, "/bin/sh");
  w.table.heal_end(2001);
  w.exec(11, 200, 1, 2002, "/bin/a");
  w.exec(12, 300, 1, 2002, "/bin/b");
  w.exit(12, 300, 1, 2003);
  w.exec(13, 400, 1, 2004, "/bin/c");
  CHECK(w.table.find({1, 1}));
  CHECK(w.table.find({10, 100}));
  CHECK(w.table.find({11, 200}));
  CHECK_FALSE(w.table.find({12, 300}));
  CHECK(w.metrics.sum("tiercel_processes_evicted_total") == 0);
}

TEST_CASE("a look outside of healing tells only of those who are not known, or not for certain") {
  Family f;
  f.w.task(11, 200, 9, 2001, "/bin/stale", {10, 100});
  CHECK(f.w.get(11, 200)->image->exepath == "/bin/child");
  const auto stub = f.w.table.of(World::head(30, 300, 4));
  CHECK(stub->uncertain);
  f.w.task(30, 300, 4, 2002, "/bin/known", {10, 100});
  CHECK(f.w.get(30, 300)->image->exepath == "/bin/known");
  CHECK_FALSE(f.w.get(30, 300)->uncertain);
  CHECK(f.healed() == 0);
}

TEST_CASE("an iterator that broke off ends nobody, and pid 1 lives though it is not shown") {
  Family f;
  f.w.table.heal_begin(2000);
  f.w.table.heal_end(2002, false);
  CHECK(f.healed() == 0);
  CHECK(f.w.get(11, 200)->exit_time_ns == 0);

  f.w.table.heal_begin(3000);
  f.w.task(10, 100, 1, 3001, "/bin/sh");
  f.w.table.heal_end(3002);
  CHECK(f.w.get(1, 1)->exit_time_ns == 0);
  CHECK(f.w.get(11, 200)->exit_time_ns == 3002);
}
