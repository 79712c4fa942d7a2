#include "decoders/render.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>

#include "decoders/address.h"
#include "decoders/flags.h"

namespace tiercel::decoders {
namespace {

constexpr std::string_view kEmpty = "<NA>";
constexpr std::string_view kEmptyBuffer = "NULL";
constexpr int64_t kAtFdcwd = -100;

// Parameters that Falco has and that our records keep elsewhere: in the head, or under another name.
struct Derived {
  std::string_view name;
  Kind kind;
};
constexpr Derived kDerived[] = {
    {"exe", Kind::kCHARBUF},     {"args", Kind::kARGV},
    {"tid", Kind::kPID},         {"pid", Kind::kPID},
    {"comm", Kind::kCHARBUF},    {"uid", Kind::kUID},
    {"gid", Kind::kGID},         {"trusted_exepath", Kind::kFSPATH},
    {"tuple", Kind::kSOCKTUPLE}, {"addr", Kind::kSOCKADDR},
    {"queuepct", Kind::kUINT32},
};

std::string_view first_string(std::string_view argv) {
  return argv.substr(0, argv.find('\0'));
}

std::string_view after_first_string(std::string_view argv) {
  const size_t end = argv.find('\0');
  return end == std::string_view::npos ? std::string_view() : argv.substr(end + 1);
}

Param number(Kind kind, int64_t value) {
  return {kind, true, value, {}};
}
Param text(Kind kind, std::string_view value) {
  return {kind, false, 0, value};
}

std::optional<Param> derived(const Record& record, std::string_view name) {
  const ev_head& head = record.head();
  if (const auto* exec = record.as<ev_exec>()) {
    if (name == "exe") return text(Kind::kCHARBUF, first_string(record.text(exec->argv)));
    if (name == "args") return text(Kind::kARGV, after_first_string(record.text(exec->argv)));
    if (name == "trusted_exepath") return text(Kind::kFSPATH, record.text(exec->exepath));
  }
  if (const auto* sock = record.as<ev_sock>()) {
    if (name == "queuepct")
      return number(Kind::kUINT32, sock->queuemax ? int64_t{100} * sock->queuelen / sock->queuemax : 0);
    if (name == "tuple") return text(Kind::kSOCKTUPLE, {});
    if (name == "addr") return text(Kind::kSOCKADDR, record.text(sock->path));
  }
  if (name == "tid") return number(Kind::kPID, head.tid);
  if (name == "pid") return number(Kind::kPID, head.pid);
  if (name == "uid") return number(Kind::kUID, head.euid);
  if (name == "gid") return number(Kind::kGID, head.egid);
  if (name == "comm") return text(Kind::kCHARBUF, {head.comm, ::strnlen(head.comm, sizeof head.comm)});
  return std::nullopt;
}

// Falco prints a byte buffer: what is not printable, and so each NUL between two strings, is a dot.
std::string dotted(std::string_view bytes) {
  std::string out(bytes);
  std::replace_if(
      out.begin(), out.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '.');
  return out;
}

std::string id_text(int64_t id, const std::string& name) {
  if (static_cast<uint32_t>(id) == UINT32_MAX) return "<NONE>";
  return name.empty() ? std::string(kEmpty) : name;
}

// "2026-07-31 18:27:01.000000000 +0000", local.
std::string time_text(int64_t ns) {
  constexpr int64_t kSecond = 1'000'000'000;
  const std::time_t seconds = ns / kSecond;
  std::tm local{};
  ::localtime_r(&seconds, &local);
  std::array<char, 64> date{}, zone{};
  std::strftime(date.data(), date.size(), "%Y-%m-%d %H:%M:%S", &local);
  std::strftime(zone.data(), zone.size(), "%z", &local);
  return fmt::format("{}.{:09} {}", date.data(), ns % kSecond, zone.data());
}

// What stands beside the number; "" when the number is all there is.
std::string resolved_number(const Record& record, const Param& param, std::string_view name, const Names& names) {
  if (const auto* open = record.as<ev_open>()) {
    if (name == "dirfd" && param.number >= 0 && open->base.len > 0) return "<d>" + std::string(record.text(open->base));
    if (name == "flags") return open_flags_text(*open);
  }
  switch (param.kind) {
    case Kind::kABSTIME:
      return time_text(param.number);
    case Kind::kFD:
      if (param.number == kAtFdcwd) return "AT_FDCWD";
      if (param.number < 0) return std::string(errno_name(param.number));
      return names.descriptor(param.number);
    case Kind::kERRNO:
      return param.number < 0 ? std::string(errno_name(param.number)) : std::string();
    case Kind::kPID:
      return names.comm(param.number);
    case Kind::kUID:
      return id_text(param.number, names.user(static_cast<uint32_t>(param.number)));
    case Kind::kGID:
      return id_text(param.number, names.group(static_cast<uint32_t>(param.number)));
    case Kind::kSIGTYPE:
      return std::string(signal_name(param.number));
    case Kind::kSOCK_FAMILY:
    case Kind::kPTRACE_REQUEST:
      return enum_text(param.kind, static_cast<uint64_t>(param.number));
    default:
      return flags_text(param.kind, static_cast<uint64_t>(param.number));
  }
}

std::string plain_number(const Param& param) {
  switch (param.kind) {
    case Kind::kHEX32:
    case Kind::kHEX64:
    case Kind::kCAPS:
    case Kind::kDEV:
      return fmt::format("{:X}", static_cast<uint64_t>(param.number));
    case Kind::kOCT32:
      return param.number == 0 ? "0" : fmt::format("0{:o}", param.number);
    default:
      return kind_info(param.kind).cls == KindClass::kSigned ? std::to_string(param.number)
                                                             : std::to_string(static_cast<uint64_t>(param.number));
  }
}

// The base directory that a path parameter of this record is relative to.
std::string_view base_of(const Record& record) {
  if (const auto* open = record.as<ev_open>()) return record.text(open->base);
  if (const auto* mount = record.as<ev_mount>()) return record.text(mount->base);
  if (const auto* chdir = record.as<ev_chdir>()) return record.text(chdir->cwd);
  if (const auto* exec = record.as<ev_exec>()) return record.text(exec->cwd);
  return {};
}

std::string resolved_text(const Record& record, const Param& param, const Names& names) {
  if (param.kind == Kind::kSOCKTUPLE) {
    std::string tuple = names.tuple();
    return tuple.empty() ? std::string(kEmptyBuffer) : tuple;
  }
  if (param.kind == Kind::kSOCKADDR)
    if (std::string address = argument_text(*record.as<ev_sock>()); !address.empty()) return address;
  if (param.kind == Kind::kARGV) return param.text.empty() ? std::string(kEmptyBuffer) : dotted(param.text);
  if (param.text.empty()) return std::string(kEmpty);
  // A chdir that worked has left the directory that its path was relative to: where it led is what the kernel says.
  if (const auto* chdir = record.as<ev_chdir>(); chdir && chdir->res >= 0 && param.text.front() != '/')
    return std::string(record.text(chdir->cwd));
  if (param.kind == Kind::kFSPATH || param.kind == Kind::kFSRELPATH) return names.absolute(param.text, base_of(record));
  return std::string(param.text);
}

}  // namespace

std::optional<Param> raw_param(const Record& record, const EventInfo& info, std::string_view name) {
  size_t index = 0;
  auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), index);
  if (error == std::errc() && end == name.data() + name.size()) {
    if (index >= info.params.size()) return std::nullopt;
    name = info.params[index];
  } else if (std::find(info.params.begin(), info.params.end(), name) == info.params.end()) {
    return std::nullopt;
  }
  if (const FieldInfo* field = field_of(*info.record, name)) {
    if (field->is_text) return text(field->kind, record.text(*field));
    if (kind_info(field->kind).cls != KindClass::kAddress) return number(field->kind, record.number(*field));
  }
  return derived(record, name);
}

std::optional<std::string> param_text(const Record& record, const EventInfo& info, std::string_view name,
                                      const Names& names) {
  auto param = raw_param(record, info, name);
  if (!param) return std::nullopt;
  if (!param->is_number) return resolved_text(record, *param, names);
  std::string resolved = resolved_number(record, *param, name, names);
  return resolved.empty() ? plain_number(*param) : resolved;
}

std::string params_text(const Record& record, const EventInfo& info, const Names& names) {
  std::string out;
  for (std::string_view name : info.params) {
    auto param = raw_param(record, info, name);
    if (!param) continue;
    if (!out.empty()) out += ' ';
    out.append(name) += '=';
    if (!param->is_number) {
      out += resolved_text(record, *param, names);
      continue;
    }
    out += plain_number(*param);
    if (std::string resolved = resolved_number(record, *param, name, names); !resolved.empty())
      out += "(" + resolved + ")";
  }
  return out;
}

std::optional<Kind> param_kind(std::string_view name) {
  for (const EventInfo& event : all_events()) {
    if (std::find(event.params.begin(), event.params.end(), name) == event.params.end()) continue;
    if (const FieldInfo* field = field_of(*event.record, name)) return field->kind;
    for (const Derived& entry : kDerived)
      if (entry.name == name) return entry.kind;
  }
  return std::nullopt;
}

}  // namespace tiercel::decoders
