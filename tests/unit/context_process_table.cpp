#include <doctest/doctest.h>

#include "agent/base/clock.h"
#include "agent/context/enricher.h"
#include "agent/context/image.h"
#include "agent/context/path.h"
#include "context_support.h"

using namespace tiercel;
using namespace tiercel::context;
using namespace tiercel::context::test;

TEST_CASE("a child has its parent's image until it executes another") {
  World w;
  w.exec(10, 100, 1, 1000, "/bin/sh");
  w.fork(10, 100, 1, 1100, {11, 200});
  auto child = w.table.find({11, 200});
  REQUIRE(child);
  CHECK(child->image->exepath == "/bin/sh");
  CHECK(child->parent->key == ProcessKey{10, 100});
  w.exec(11, 200, 2, 1200, "/bin/ls", {10, 100});
  CHECK(w.table.find({11, 200})->image->exepath == "/bin/ls");
  CHECK(w.table.find({10, 100})->image->exepath == "/bin/sh");
}

TEST_CASE("a record is credited to the image that made it, also after the next exec") {
  World w;
  w.exec(10, 100, 1, 1000, "/bin/a");
  w.exec(10, 100, 2, 1100, "/bin/b");
  w.exec(10, 100, 3, 1200, "/bin/c");
  auto process = w.table.of(w.head(10, 100, 1));
  CHECK(ProcessTable::image_of(*process, 1)->exepath == "/bin/a");
  CHECK(ProcessTable::image_of(*process, 2)->exepath == "/bin/b");
  CHECK(ProcessTable::image_of(*process, 3)->exepath == "/bin/c");
}

TEST_CASE("a recycled pid is another process") {
  World w;
  w.exec(10, 100, 1, 1000, "/bin/old");
  w.exit(10, 100, 1, 1050);
  w.fork(1, 1, 0, 1060, {10, 900});
  w.exec(10, 900, 5, 1070, "/bin/new");
  CHECK(w.table.find({10, 100})->image->exepath == "/bin/old");
  CHECK(w.table.find({10, 900})->image->exepath == "/bin/new");
  CHECK(w.table.by_pid(10)->key.start_ns == 900);
}

TEST_CASE("children of an ended process belong to its reaper") {
  World w;
  w.exec(1, 1, 0, 900, "/sbin/init");
  w.exec(10, 100, 1, 1000, "/bin/sh");
  w.fork(10, 100, 1, 1100, {11, 200});
  w.exit(10, 100, 1, 1200, {1, 1});
  auto child = w.table.find({11, 200});
  auto parent = ProcessTable::parent_of(*child, w.table);
  REQUIRE(parent);
  CHECK(parent->key == ProcessKey{1, 1});
}

TEST_CASE("an ended process stays for the grace period and goes afterwards") {
  World w;
  w.exec(10, 100, 1, 1000, "/bin/sh");
  w.exit(10, 100, 1, 2000);
  CHECK(w.table.find({10, 100}));
  w.exec(12, 300, 1, 2500, "/bin/x");
  CHECK(w.table.find({10, 100}));
  w.exec(13, 300, 1, 3100, "/bin/x");
  CHECK_FALSE(w.table.find({10, 100}));
}

TEST_CASE("a process that was never announced is rebuilt and marked") {
  World w;
  bool healed = false;
  w.table.set_healer([&](Process&) { healed = true; });
  auto head = w.head(77, 700, 3);
  std::memcpy(head.comm, "lost", 5);
  auto process = w.table.of(head);
  CHECK(process->uncertain);
  CHECK(process->image->comm == "lost");
  CHECK(healed);
  CHECK(w.metrics.sum("tiercel_processes_unannounced_total") == 1);
}

TEST_CASE("a snapshot does not overwrite what a hook has said") {
  World w;
  w.exec(10, 100, 2, 1000, "/bin/new");
  w.task(10, 100, 1, 990, "/bin/stale");
  CHECK(w.get(10, 100)->image->exepath == "/bin/new");
  CHECK(w.get(10, 100)->past_images.empty());
}

TEST_CASE("the table is bounded") {
  World w;
  for (uint32_t pid = 100; pid < 400; ++pid) w.exec(pid, pid, 1, pid, "/bin/x");
  CHECK(w.table.size() <= 64);
  CHECK(w.metrics.sum("tiercel_processes_evicted_total") > 0);
}

TEST_CASE("argv: joined by blanks, empty arguments kept, no NUL at the end needed") {
  Image image;
  set_argv(image, std::string_view("sh\0-c\0\0a b\0", 11));
  CHECK(image.argv == std::vector<std::string>{"sh", "-c", "", "a b"});
  CHECK(image.args == "-c  a b");
  set_argv(image, std::string_view("title without end", 17));
  CHECK(image.argv.size() == 1);
  set_argv(image, {});
  CHECK(image.argv.empty());
}

TEST_CASE("lexical paths") {
  CHECK(absolute_path("/home", "x") == "/home/x");
  CHECK(absolute_path("/home/", "./a/../b//c/") == "/home/b/c");
  CHECK(absolute_path("/home", "/etc/../passwd") == "/passwd");
  CHECK(absolute_path("/", "../../x") == "/x");
  CHECK(absolute_path("/a", "..") == "/");
  CHECK(absolute_path("", "x") == "<UNKNOWN>x");
  CHECK(absolute_path("", "/x") == "/x");
}

TEST_CASE("a fork is an event on both sides") {
  World w;
  FakeClock clock;
  Users users;
  Enricher enricher(clock, w.table, w.containers, users);
  w.exec(10, 100, 1, 1000, "/bin/sh");
  RecordBuilder<ev_fork> b(EVT_fork);
  World::set_head(b->head, 10, 100, 1, 1100);
  b->child_pid = b->child_tid = 11;
  b->child_start_ns = 200;
  b->child_exec_id = 1;
  b->res = 11;
  auto record = decoders::Record::parse(b.bytes());
  REQUIRE(record.has_value());
  std::vector<std::pair<uint32_t, int64_t>> seen;
  enricher.attach(*record, [&](Event& e) { seen.emplace_back(e.process().key.pid, *e.result()); });
  CHECK(seen == std::vector<std::pair<uint32_t, int64_t>>{{10, 11}, {11, 0}});
  CHECK(enricher.events() == 2);
}
