#include "agent/sensor/inner_hooks.h"

#include "agent/sensor/hooks.h"

namespace tiercel::sensor {
namespace {

constexpr std::string_view kOpens = " open openat openat2 creat ";
constexpr std::string_view kLookups =
    " chdir chroot chmod fchmodat chown lchown fchownat truncate utime utimes futimesat utimensat setxattr lsetxattr "
    "removexattr "
    "lremovexattr mount umount2 open_tree move_mount mount_setattr ";
constexpr bool kExit = true, kTrampoline = true, kKprobe = true;

constexpr InnerHook kHooks[] = {
    {"inner__opened", "do_filp_open", kExit, kTrampoline, !kKprobe, kOpens},
    {"inner__do_filp_open", "do_filp_open", !kExit, !kTrampoline, kKprobe, kOpens},
    {"inner__security_file_open", "security_file_open", !kExit, !kTrampoline, kKprobe, kOpens},
    {"inner__do_unlinkat", "do_unlinkat", !kExit, kTrampoline, kKprobe, " unlink unlinkat "},
    {"inner__do_rmdir", "do_rmdir", !kExit, kTrampoline, kKprobe, " rmdir unlinkat "},
    {"inner__do_mkdirat", "do_mkdirat", !kExit, kTrampoline, kKprobe, " mkdir mkdirat "},
    {"inner__do_mknodat", "do_mknodat", !kExit, kTrampoline, kKprobe, " mknod mknodat "},
    {"inner__do_renameat2", "do_renameat2", !kExit, kTrampoline, kKprobe, " rename renameat renameat2 "},
    {"inner__do_linkat", "do_linkat", !kExit, kTrampoline, kKprobe, " link linkat "},
    {"inner__do_symlinkat", "do_symlinkat", !kExit, kTrampoline, kKprobe, " symlink symlinkat "},
    {"inner__filename_lookup", "filename_lookup", !kExit, kTrampoline, kKprobe, kLookups},
    {"inner__security_socket_connect", "security_socket_connect", !kExit, kTrampoline, kKprobe, " connect "},
    {"inner__security_socket_bind", "security_socket_bind", !kExit, kTrampoline, kKprobe, " bind "},
    {"inner__security_socket_sendmsg", "security_socket_sendmsg", !kExit, kTrampoline, kKprobe, " sendto sendmsg "},
};

bool serves(const InnerHook& hook, uint16_t type) {
  const std::string name = " " + std::string(hook_of(type).event) + " ";
  return hook.events.find(name) != std::string_view::npos;
}

}  // namespace

std::span<const InnerHook> inner_hooks() {
  return kHooks;
}

std::set<const InnerHook*> inner_hooks_for(const std::set<uint16_t>& types, Way way) {
  std::set<const InnerHook*> found;
  for (const InnerHook& hook : kHooks) {
    const bool there = way == Way::kTrampoline ? hook.for_trampoline : way == Way::kKprobe && hook.for_kprobe;
    if (!there) continue;
    for (uint16_t type : types)
      if (serves(hook, type)) found.insert(&hook);
  }
  return found;
}

bool has_inner_hook(uint16_t type) {
  for (const InnerHook& hook : kHooks)
    if (serves(hook, type)) return true;
  return false;
}

}  // namespace tiercel::sensor
