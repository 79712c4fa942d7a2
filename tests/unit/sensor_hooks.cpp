// What events.def says of hooks, as the programs in the kernel read it from their cookie.
#include "agent/sensor/hooks.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>

using namespace tiercel::sensor;

namespace {

constexpr uint32_t kNo = HOOK_NO_ARG;

struct Shape {
  uint32_t shape, a, b, c, d, text;
  bool operator==(const Shape&) const = default;
};

// As bpf/hooks/calls.bpf.c takes the cookie apart.
Shape decoded(uint64_t cookie) {
  return {static_cast<uint32_t>(HOOK_SHAPE(cookie)),  static_cast<uint32_t>(HOOK_NTH(cookie, 0)),
          static_cast<uint32_t>(HOOK_NTH(cookie, 1)), static_cast<uint32_t>(HOOK_NTH(cookie, 2)),
          static_cast<uint32_t>(HOOK_NTH(cookie, 3)), static_cast<uint32_t>(HOOK_TEXT(cookie))};
}
Shape of(uint16_t type) {
  return decoded(hook_of(type).cookie(type));
}

}  // namespace

TEST_CASE("a cookie says the event's type, its ring and its hook") {
  for (uint16_t type = 1; type < EVT_COUNT; ++type) {
    const Hook& hook = hook_of(type);
    CAPTURE(hook.event);
    const uint64_t cookie = hook.cookie(type);
    CHECK((COOKIE_TYPE(cookie)) == type);
    CHECK(((cookie & COOKIE_VITAL) != 0) == hook.vital);
    CHECK((cookie & 0x7fffffff) == hook.hook);
    CHECK((cookie >> 48) == 0);
  }
}

TEST_CASE("each shape's arguments") {
  CHECK(of(EVT_setsid) == Shape{SHAPE_CALL, kNo, kNo, kNo, kNo, kNo});
  CHECK(of(EVT_delete_module) == Shape{SHAPE_CALL, kNo, kNo, kNo, kNo, 0});
  CHECK(of(EVT_fchmod) == Shape{SHAPE_DESC, 0, kNo, kNo, kNo, kNo});
  CHECK(of(EVT_finit_module) == Shape{SHAPE_DESC, 0, kNo, kNo, kNo, 1});
  CHECK(of(EVT_kexec_file_load) == Shape{SHAPE_DESC, 0, kNo, kNo, kNo, 3});
  CHECK(of(EVT_socket) == Shape{SHAPE_DESC, HOOK_RESULT, kNo, kNo, kNo, kNo});
  CHECK(of(EVT_memfd_create) == Shape{SHAPE_DESC, HOOK_RESULT, kNo, kNo, kNo, 0});
  CHECK(of(EVT_dup3) == Shape{SHAPE_DESC, HOOK_RESULT, 0, kNo, kNo, kNo});
  CHECK(of(EVT_unlink) == Shape{SHAPE_PATH, kNo, 0, kNo, kNo, kNo});
  CHECK(of(EVT_unlinkat) == Shape{SHAPE_PATH, 0, 1, kNo, kNo, kNo});
  CHECK(of(EVT_setxattr) == Shape{SHAPE_PATH, kNo, 0, kNo, kNo, 1});
  CHECK(of(EVT_rename) == Shape{SHAPE_PATHS, kNo, 0, kNo, 1, kNo});
  CHECK(of(EVT_renameat2) == Shape{SHAPE_PATHS, 0, 1, 2, 3, kNo});
  CHECK(of(EVT_symlinkat) == Shape{SHAPE_PATHS, kNo, 0, 1, 2, kNo});
  CHECK(of(EVT_open) == Shape{SHAPE_OPEN, kNo, 0, 1, 2, kNo});
  CHECK(of(EVT_openat2) == Shape{SHAPE_OPEN, 0, 1, kNo, kNo, 2});
  CHECK(of(EVT_creat) == Shape{SHAPE_OPEN, kNo, 0, kNo, 1, kNo});
  CHECK(of(EVT_openat) == Shape{SHAPE_OWN, kNo, kNo, kNo, kNo, kNo});
  CHECK(of(EVT_procexit) == Shape{SHAPE_NONE, kNo, kNo, kNo, kNo, kNo});
}

TEST_CASE("no hook names an argument that a call cannot have, or leaves out one that its shape needs") {
  auto is_argument = [](uint32_t n) { return n < 6; };
  for (uint16_t type = 1; type < EVT_COUNT; ++type) {
    CAPTURE(hook_of(type).event);
    const Shape got = of(type);
    CHECK((got.text == kNo || is_argument(got.text)));
    for (uint32_t n : {got.a, got.b, got.c, got.d}) CHECK((n == kNo || n == HOOK_RESULT || is_argument(n)));
    switch (got.shape) {
      case SHAPE_NONE:
      case SHAPE_OWN:
      case SHAPE_CALL:
        CHECK(std::set<uint32_t>{got.a, got.b, got.c, got.d} == std::set<uint32_t>{kNo});
        break;
      case SHAPE_DESC:
        CHECK((is_argument(got.a) || got.a == HOOK_RESULT));
        break;
      case SHAPE_PATH:
        CHECK(is_argument(got.b));
        break;
      case SHAPE_OPEN:
        CHECK((is_argument(got.b) || got.a == 0));
        break;
      case SHAPE_PATHS:
        CHECK(is_argument(got.b));
        CHECK(is_argument(got.d));
        break;
      default:
        FAIL_CHECK("a shape that hook.h does not have");
    }
  }
}

TEST_CASE("programs by name") {
  CHECK(hook_of(EVT_setsid).exit_program() == "shape__call");
  CHECK(hook_of(EVT_fchmod).exit_program() == "shape__desc");
  CHECK(hook_of(EVT_unlinkat).exit_program() == "shape__path");
  CHECK(hook_of(EVT_rename).exit_program() == "shape__paths");
  CHECK(hook_of(EVT_open).exit_program() == "shape__open");
  CHECK(hook_of(EVT_openat).exit_program() == "sys_exit__openat");
  CHECK(hook_of(EVT_close).enter_program() == "sys_enter__close");
  CHECK(hook_of(EVT_pivot_root).entry_may_lack());
  CHECK_FALSE(hook_of(EVT_close).entry_may_lack());
  for (uint16_t type = 1; type < EVT_COUNT; ++type)
    if (hook_of(type).is_call()) {
      CHECK(is_call_program(hook_of(type).exit_program()));
      CHECK(is_call_program(hook_of(type).enter_program()));
    }
  CHECK_FALSE(is_call_program("sched_process_fork"));
  CHECK_FALSE(is_call_program("dump_task"));
  CHECK_FALSE(is_call_program(""));
}

TEST_CASE("a call that this architecture never had is not hooked") {
  std::set<std::string_view> never;
  for (uint16_t type = 1; type < EVT_COUNT; ++type)
    if (HOOK_SHAPE(hook_of(type).hook) != SHAPE_NONE && !hook_of(type).is_call()) never.insert(hook_of(type).event);
#if defined(__aarch64__)
  CHECK(never == std::set<std::string_view>{"fork", "vfork", "open", "creat", "unlink", "rmdir", "mkdir", "mknod",
                                            "chmod", "chown", "lchown", "rename", "link", "symlink", "utime", "utimes",
                                            "futimesat", "pipe", "dup2"});
#else
  CHECK(never.empty());
#endif
}

TEST_CASE("a number that is no event has no hook") {
  for (uint16_t type : {uint16_t{0}, uint16_t{EVT_COUNT}, uint16_t{65535}}) {
    CHECK(hook_of(type).event.empty());
    CHECK_FALSE(hook_of(type).is_call());
  }
}

TEST_CASE("calls are what rules want and what state needs, without the process hooks' events") {
  CHECK(calls_of({}).empty());
  Wanted wanted;
  wanted.events = {EVT_procexit, EVT_execve, EVT_procexit, EVT_task, EVT_cgroup, EVT_sendto};
  CHECK(calls_of(wanted) == std::set<uint16_t>{EVT_execve, EVT_sendto});
  wanted.state = {EVT_connect, EVT_accept, EVT_sendto};
  CHECK(calls_of(wanted) == std::set<uint16_t>{EVT_execve, EVT_connect, EVT_accept, EVT_sendto});
  wanted.events.clear();
  CHECK(calls_of(wanted) == std::set<uint16_t>{EVT_connect, EVT_accept, EVT_sendto});
}
