// Fields that say what somebody changed who wants to be overlooked.
#include <doctest/doctest.h>

#include "check_events_support.h"

using namespace tiercel;
using namespace tiercel::rule::test;

namespace {

struct Program {
  std::string comm, exepath, filename = {}, argv0 = {}, interp = {};
};

// The event's process runs that, and goes by `now`.
TestEvent open_by(World& world, const Program& program, const std::string& now) {
  auto image = std::make_shared<context::Image>();
  image->comm = program.comm;
  image->exepath = program.exepath;
  image->filename = program.filename;
  image->interp = program.interp;
  if (!program.argv0.empty()) image->argv = {program.argv0};
  world.process->image = image;
  return event_of<ev_open>(world, EVT_openat, [&](Builder<ev_open>& b) {
    now.copy(b->head.comm, sizeof b->head.comm - 1);
    b->fd = 3;
    b.set_text(&ev_open::name, "/etc/passwd");
  });
}

bool says(const std::string& field, const char* value, const TestEvent& event) {
  return holds(field + " = " + value, *event);
}

}  // namespace

TEST_CASE("rule tampering: the name that a process goes by, against its executable and what it was started as") {
  World world;
  constexpr const char* kField = "proc.comm_is_exe";
  CHECK(says(kField, "true", open_by(world, {"cat", "/usr/bin/cat", "/usr/bin/cat"}, "cat")));
  CHECK(says(kField, "true", open_by(world, {"sh", "/usr/bin/dash", "/bin/sh"}, "sh")));
  CHECK(says(kField, "true", open_by(world, {"x", "/usr/lib/a-name-of-20-bytes", "/tmp/x"}, "a-name-of-20-by")));
  CHECK(says(kField, "true", open_by(world, {"run.py", "/usr/bin/python3.11", "/opt/run.py"}, "run.py")));
  CHECK(says(kField, "false", open_by(world, {"x", "/tmp/x", "/tmp/x"}, "kworker/u8:1")));
  // Who was there before the agent may have been started by a link.
  CHECK(is_missing(kField, open_by(world, {"sh", "/usr/bin/dash"}, "sh")));
  CHECK(says(kField, "true", open_by(world, {"dash", "/usr/bin/dash"}, "dash")));
  // A thread of the kernel's has no executable.
  CHECK(is_missing(kField, open_by(world, {"kthreadd", ""}, "kthreadd")));
}

TEST_CASE("rule tampering: argv[0] against the executable, the file that was asked for and a script's interpreter") {
  World world;
  constexpr const char* kField = "proc.argv0_is_exe";
  CHECK(says(kField, "true", open_by(world, {"cat", "/usr/bin/cat", "/usr/bin/cat", "cat"}, "cat")));
  CHECK(says(kField, "true", open_by(world, {"bash", "/usr/bin/bash", "/bin/bash", "-bash"}, "bash")));
  CHECK(says(kField, "true", open_by(world, {"sh", "/usr/bin/dash", "/bin/sh", "/bin/sh"}, "sh")));
  CHECK(
      says(kField, "true",
           open_by(world, {"run", "/usr/bin/python3.11", "/opt/run", "/usr/bin/python3", "/usr/bin/python3"}, "run")));
  CHECK(says(kField, "false", open_by(world, {"x", "/tmp/x", "/tmp/x", "[kworker/0:1]"}, "x")));
  CHECK(says(kField, "false", open_by(world, {"x", "/tmp/x", "/tmp/x"}, "x")));
  CHECK(is_missing(kField, open_by(world, {"sh", "/usr/bin/dash", "", "sh"}, "sh")));
}

TEST_CASE("rule tampering: deleted executables, cut arguments, looked-up processes") {
  World world;
  auto image = std::make_shared<context::Image>(*world.process->image);
  CHECK(says("proc.is_exe_deleted", "false", exec_event(world)));
  image->exe_flags = EXE_DELETED | EXE_WRITABLE;
  image->argv_size = 120'000;
  image->argv_cut = true;
  world.process->image = image;
  world.process->uncertain = true;
  const TestEvent event = exec_event(world);
  all_hold({"proc.is_exe_deleted = true", "proc.is_exe_from_memfd = false", "proc.is_exe_writable = true",
            "proc.is_args_cut = true", "proc.args_size > 100000", "proc.is_uncertain = true"},
           event);
  CHECK(shown("%proc.args_size", event) == "120000");
}

TEST_CASE("rule tampering: marks of a record") {
  World world;
  for (const auto& [field, flag] :
       {std::pair("evt.path_uncertain", EVF_PATH_UNCERTAIN), std::pair("evt.arg_changed", EVF_ARG_CHANGED)}) {
    const auto marked = [&world](uint16_t flags) {
      return event_of<ev_path>(world, EVT_unlink, [flags](Builder<ev_path>& b) { b->head.flags = flags; });
    };
    CHECK(says(field, "true", marked(static_cast<uint16_t>(flag | EVF_THREAD))));
    CHECK(says(field, "false", marked(EVF_THREAD | EVF_TEXT_CUT)));
  }
}

TEST_CASE("rule tampering: a mount over a process's folder in /proc") {
  World world;
  constexpr const char* kField = "evt.hides_process";
  const auto mounted = [&world](std::string_view dir, std::string_view realpath, uint64_t flags = 4096,
                                int64_t res = 0) {
    return event_of<ev_mount>(world, EVT_mount, [&](Builder<ev_mount>& b) {
      b->res = res;
      b->flags = flags;
      b.set_text(&ev_mount::dir, dir).set_text(&ev_mount::base, "/").set_text(&ev_mount::realpath, realpath);
    });
  };
  CHECK(says(kField, "true", mounted("/proc/42", "")));
  CHECK(says(kField, "true", mounted("/proc/42/", "")));
  CHECK(says(kField, "true", mounted("/tmp/link", "/proc/42")));
  CHECK(says(kField, "true", mounted("proc/42/fd", "")));
  CHECK(says(kField, "false", mounted("/proc", "/proc")));
  CHECK(says(kField, "false", mounted("/proc/sys", "")));
  CHECK(says(kField, "false", mounted("/proc/42", "/srv")));
  CHECK(says(kField, "false", mounted("/proc/42", "", 32)));
  CHECK(says(kField, "false", mounted("/proc/42", "", 4096, -1)));
  CHECK(says(kField, "true", two_path_event(world, EVT_move_mount, {.first = "/x", .second = "/proc/7"})));
  CHECK(says(kField, "false", two_path_event(world, EVT_move_mount, {.first = "/proc/7", .second = "/x"})));
  CHECK(says(kField, "false", exec_event(world)));
}
