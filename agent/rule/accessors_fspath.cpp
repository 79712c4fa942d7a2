// fs.path.*: the paths of calls that take paths, of those that worked (reference 4.4).
#include <string>

#include "agent/rule/accessors.h"
#include "agent/rule/event_text.h"

namespace tiercel::rule::accessors {
namespace {

bool succeeded(const Access& a) {
  return a.event.result().value_or(-1) >= 0;
}

// fchmod and fchown have a descriptor in a path's place.
bool is_of_descriptor(const Access& a) {
  switch (a.event.info().type) {
    case EVT_fchmod:
    case EVT_fchown:
    case EVT_ftruncate:
    case EVT_fsetxattr:
    case EVT_fremovexattr:
      return true;
    default:
      return false;
  }
}

bool has_one_path(const Access& a) {
  return a.event.record().as<ev_open>() || a.event.record().as<ev_path>();
}

// Falco's words: a link's source is what it makes, its target what that leads to.
bool is_link(const Access& a) {
  switch (a.event.info().type) {
    case EVT_link:
    case EVT_linkat:
    case EVT_symlink:
    case EVT_symlinkat:
      return true;
    default:
      return false;
  }
}

struct RawPath {
  std::string_view raw, base;
};

std::optional<RawPath> source_of(const Access& a) {
  if (const auto* mount = a.event.record().as<ev_mount>())
    return RawPath{a.event.record().text(mount->dev), a.event.record().text(mount->base)};
  const auto paths = a.event.two_paths();
  if (!paths) return std::nullopt;
  return is_link(a) ? RawPath{paths->second, paths->second_base} : RawPath{paths->first, paths->first_base};
}

std::optional<RawPath> target_of(const Access& a) {
  const auto paths = a.event.two_paths();
  if (!paths) return std::nullopt;
  return is_link(a) ? RawPath{paths->first, paths->first_base} : RawPath{paths->second, paths->second_base};
}

Value made_absolute(const Access& a, const std::optional<RawPath>& path) {
  if (!path || path->raw.empty()) return {};
  return made_text(a, a.event.absolute(path->raw, path->base));
}

Value path_in_view(const Access& a) {
  auto path = a.event.path(a.view);
  if (!path) path = a.event.path(context::PathView::kLexical);
  return path ? Value::of_text(*path) : Value();
}

}  // namespace

Value fs_path_name(const Access& a) {
  if (!succeeded(a)) return {};
  if (is_of_descriptor(a)) return fd_name(a);
  return has_one_path(a) ? path_in_view(a) : Value();
}

Value fs_path_nameraw(const Access& a) {
  if (!succeeded(a)) return {};
  if (is_of_descriptor(a)) return fd_name(a);
  const auto raw = has_one_path(a) ? a.event.path_raw() : std::nullopt;
  return raw ? Value::of_text(*raw) : Value();
}

Value fs_path_source(const Access& a) {
  return succeeded(a) ? made_absolute(a, source_of(a)) : Value();
}

Value fs_path_sourceraw(const Access& a) {
  const auto path = succeeded(a) ? source_of(a) : std::nullopt;
  return path ? text_or_missing(path->raw) : Value();
}

Value fs_path_target(const Access& a) {
  if (!succeeded(a)) return {};
  return a.event.record().as<ev_mount>() ? path_in_view(a) : made_absolute(a, target_of(a));
}

Value fs_path_targetraw(const Access& a) {
  if (!succeeded(a)) return {};
  if (const auto* mount = a.event.record().as<ev_mount>()) return text_or_missing(a.event.record().text(mount->dir));
  const auto path = target_of(a);
  return path ? text_or_missing(path->raw) : Value();
}

}  // namespace tiercel::rule::accessors
