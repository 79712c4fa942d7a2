// What somebody who wants to be overlooked changes: arguments, names, executables, what /proc shows.
#include <algorithm>
#include <cstring>
#include <string_view>

#include "agent/rule/accessors.h"

namespace tiercel::rule::accessors {
namespace {

using context::Image;

constexpr size_t kCommMax = TIERCEL_COMM_LEN - 1;

std::string_view basename_of(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

// A thread's name as the kernel cuts it.
std::string_view cut(std::string_view name) {
  return name.substr(0, kCommMax);
}

// A name that is none of the expected ones is a lie only if all of them are known: of a program that was there before
// the agent, nobody knows what it was started as.
Value is_one_of(bool one_of_them, const Image& image) {
  if (image.exepath.empty() || (!one_of_them && image.filename.empty())) return {};
  return Value::of_bool(one_of_them);
}

bool in_proc_of_process(std::string_view path) {
  constexpr std::string_view kProc = "/proc/";
  if (!path.starts_with(kProc)) return false;
  const std::string_view name = path.substr(kProc.size(), path.find('/', kProc.size()) - kProc.size());
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

Value evt_path_uncertain(const Access& a) {
  return Value::of_bool((a.event.head().flags & EVF_PATH_UNCERTAIN) != 0);
}

Value evt_arg_changed(const Access& a) {
  return Value::of_bool((a.event.head().flags & EVF_ARG_CHANGED) != 0);
}

Value evt_hides_process(const Access& a) {
  if (a.event.result().value_or(-1) < 0) return Value::of_bool(false);
  if (const auto* mount = a.event.record().as<ev_mount>()) {
    constexpr uint64_t kMakesNone = 32 | 1 << 17 | 1 << 18 | 1 << 19 | 1 << 20;  // MS_REMOUNT, MS_PRIVATE and the like
    if ((mount->flags & kMakesNone) != 0) return Value::of_bool(false);
    const auto kernel = a.event.path(context::PathView::kKernel);
    const auto path = kernel ? kernel : a.event.path(context::PathView::kLexical);
    return Value::of_bool(path && in_proc_of_process(*path));
  }
  const auto paths = a.event.info().type == EVT_move_mount ? a.event.two_paths() : std::nullopt;
  return Value::of_bool(paths && in_proc_of_process(a.event.absolute(paths->second, paths->second_base)));
}

Value proc_comm_is_exe(const Access& a) {
  if (!is_actor(a) || a.event.tid() != a.event.process().key.pid) return {};
  const Image& image = a.event.image();
  const std::string_view comm(a.event.head().comm, ::strnlen(a.event.head().comm, TIERCEL_COMM_LEN));
  return is_one_of(comm == cut(basename_of(image.exepath)) || comm == cut(basename_of(image.filename)), image);
}

// A shell that is a login shell has a dash before its name; a script's first argument is its interpreter.
Value proc_argv0_is_exe(const Access& a) {
  const Image& image = a.event.image();
  std::string_view name = basename_of(image.exe());
  if (image.exe().starts_with('-')) name.remove_prefix(image.exe() == name ? 1 : 0);
  return is_one_of(!name.empty() && (name == basename_of(image.exepath) || name == basename_of(image.filename) ||
                                     name == basename_of(image.interp)),
                   image);
}

Value proc_is_exe_deleted(const Access& a) {
  return Value::of_bool((a.event.image().exe_flags & EXE_DELETED) != 0);
}

Value proc_is_args_cut(const Access& a) {
  return Value::of_bool(a.event.image().argv_cut);
}

Value proc_args_size(const Access& a) {
  return Value::of_uint(a.event.image().argv_size);
}

Value proc_is_uncertain(const Access& a) {
  return Value::of_bool(a.event.process().uncertain);
}

}  // namespace tiercel::rule::accessors
