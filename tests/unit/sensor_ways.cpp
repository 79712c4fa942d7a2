// Ways to attach: the names of functions, and which hooks within calls serve which events.
#include <doctest/doctest.h>

#include <map>
#include <set>
#include <sstream>
#include <string>

#include "agent/base/kprobe.h"
#include "agent/config/load.h"
#include "agent/sensor/hooks.h"
#include "agent/sensor/inner_hooks.h"
#include "agent/sensor/way.h"

namespace tiercel::sensor {
namespace {

std::set<std::string> programs_for(uint16_t type, Way way) {
  std::set<std::string> names;
  for (const InnerHook* hook : inner_hooks_for({type}, way)) names.emplace(hook->program);
  return names;
}

TEST_CASE("ways have the names that sensor.attach takes") {
  for (Way way : {Way::kTrampoline, Way::kKprobe, Way::kTracepoint}) {
    const std::string name(way_name(way));
    CAPTURE(name);
    CHECK(way_of(name) == way);
    config::Sensor sensor;
    CHECK(config::set_attach(name, sensor));
    CHECK(sensor.attach != config::Sensor::Attach::kAuto);
  }
  config::Sensor sensor;
  CHECK(config::set_attach("auto", sensor));
  CHECK_FALSE(config::set_attach("fentry", sensor));
  CHECK_FALSE(way_of("auto"));
  CHECK_FALSE(way_of(""));
}

#if defined(__x86_64__)
TEST_CASE("the functions of a call, for callers of both kinds") {
  using Names = std::vector<std::string>;
  CHECK(hook_of(EVT_unlinkat).functions(false) == Names{"__x64_sys_unlinkat"});
  CHECK(hook_of(EVT_unlinkat).functions(true) == Names{"__ia32_compat_sys_unlinkat", "__ia32_sys_unlinkat"});
  CHECK(hook_of(EVT_umount2).functions(false) == Names{"__x64_sys_umount"});
  CHECK(hook_of(EVT_pwrite).functions(false) == Names{"__x64_sys_pwrite64"});
  CHECK(hook_of(EVT_setsid).functions(false) == Names{"__do_sys_setsid", "__x64_sys_setsid"});  // no arguments
  // a 32-bit caller's vectors are laid out otherwise, and would be misread
  for (uint16_t type : {EVT_readv, EVT_writev, EVT_sendmsg, EVT_recvmsg, EVT_execve, EVT_execveat})
    CHECK(hook_of(type).functions(true).empty());
}

TEST_CASE("numbers of calls") {
  CHECK(hook_of(EVT_openat).number == 257);
  CHECK(hook_of(EVT_read).number == 0);
  CHECK(hook_of(EVT_procexit).number == -1);
}
#endif

TEST_CASE("a call of its own shape and one of a shared shape have each a program at their function") {
  CHECK(hook_of(EVT_openat).function_program() == "sys_exit__openat");
  CHECK(hook_of(EVT_open).function_program() == "call__open");
  CHECK(hook_of(EVT_unlink).function_program() == "call__unlink");
  CHECK(is_call_program("call__unlink"));
  CHECK(is_call_program("inner__opened"));
}

TEST_CASE("hooks within calls serve events that there are, each way with one program a function at most") {
  std::set<std::string> events;
  for (uint16_t type = 1; type < EVT_COUNT; ++type) events.emplace(hook_of(type).event);
  for (const InnerHook& hook : inner_hooks()) {
    CAPTURE(std::string(hook.program));
    std::istringstream names{std::string(hook.events)};
    size_t count = 0;
    for (std::string name; names >> name; ++count) CHECK(events.contains(name));
    CHECK(count > 0);
    CHECK((hook.for_trampoline || hook.for_kprobe));
    CHECK_FALSE((hook.at_exit && hook.for_kprobe));  // they miss exits when many are under way
  }
  for (Way way : {Way::kTrampoline, Way::kKprobe}) {
    std::map<std::string, int> of_function;
    for (const InnerHook& hook : inner_hooks())
      if (way == Way::kTrampoline ? hook.for_trampoline : hook.for_kprobe) ++of_function[std::string(hook.function)];
    for (const auto& [function, count] : of_function) CHECK(count == 1);
  }
}

TEST_CASE("which hooks within calls an event needs") {
  using Names = std::set<std::string>;
  CHECK(programs_for(EVT_openat, Way::kTrampoline) == Names{"inner__opened"});
  CHECK(programs_for(EVT_openat, Way::kKprobe) == Names{"inner__do_filp_open", "inner__security_file_open"});
  CHECK(programs_for(EVT_openat, Way::kTracepoint).empty());
  CHECK(programs_for(EVT_unlinkat, Way::kTrampoline) == Names{"inner__do_unlinkat", "inner__do_rmdir"});
  CHECK(programs_for(EVT_connect, Way::kKprobe) == Names{"inner__security_socket_connect"});
  CHECK(programs_for(EVT_setuid, Way::kTrampoline).empty());
  CHECK(has_inner_hook(EVT_chmod));
  CHECK_FALSE(has_inner_hook(EVT_write));
}

TEST_CASE("every call with a path or an address has a hook within, or stands here with its reason") {
  // The kernel's copy is not at hand: handles have none, fsopen's and pivot_root's go through functions of their own.
  const std::set<std::string> without = {"open_by_handle_at", "pivot_root"};
  for (uint16_t type = 1; type < EVT_COUNT; ++type) {
    const Hook& hook = hook_of(type);
    const auto shape = HOOK_SHAPE(hook.hook);
    if (shape != SHAPE_PATH && shape != SHAPE_PATHS) continue;
    CAPTURE(hook.event);
    CHECK(has_inner_hook(type) != without.contains(std::string(hook.event)));
  }
}

TEST_CASE("a kprobe on a function that no kernel has is not opened") {
  CHECK_FALSE(open_kprobe("tiercel_no_such_function").valid());
}

}  // namespace
}  // namespace tiercel::sensor
