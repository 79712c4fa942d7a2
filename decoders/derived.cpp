#include "decoders/derived.h"

namespace tiercel::decoders {
namespace {

struct Derived {
  std::string_view name;
  Kind kind;
};
constexpr Derived kDerived[] = {
    {"exe", Kind::kCHARBUF},
    {"args", Kind::kARGV},
    {"tid", Kind::kPID},
    {"pid", Kind::kPID},
    {"ptid", Kind::kPID},
    {"vtid", Kind::kPID},
    {"vpid", Kind::kPID},
    {"comm", Kind::kCHARBUF},
    {"cwd", Kind::kCHARBUF},
    {"uid", Kind::kUID},
    {"gid", Kind::kGID},
    {"loginuid", Kind::kUID},
    {"cgroups", Kind::kARGV},
    {"trusted_exepath", Kind::kFSPATH},
    {"cap_inheritable", Kind::kCAPS},
    {"cap_permitted", Kind::kCAPS},
    {"cap_effective", Kind::kCAPS},
    {"pidns_init_start_ts", Kind::kUINT64},
    {"tuple", Kind::kSOCKTUPLE},
    {"addr", Kind::kSOCKADDR},
    {"queuepct", Kind::kUINT32},
};

}  // namespace

std::optional<Kind> derived_kind(std::string_view name) {
  for (const Derived& entry : kDerived)
    if (entry.name == name) return entry.kind;
  return std::nullopt;
}

}  // namespace tiercel::decoders
