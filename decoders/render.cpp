#include "decoders/render.h"

#include <fmt/core.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>

#include "decoders/address.h"
#include "decoders/derived.h"
#include "decoders/flags.h"

namespace tiercel::decoders {
namespace {

constexpr std::string_view kEmpty = "<NA>";
constexpr std::string_view kEmptyBuffer = "NULL";
constexpr int64_t kAtFdcwd = -100;

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

// Of parameters without a field: what the record's other fields and its head say.
std::optional<Param> derived(const Record& record, const ParamInfo& info) {
  const ev_head& head = record.head();
  const std::string_view name = info.name;
  if (const auto* exec = record.as<ev_exec>()) {
    if (name == "exe") return text(info.kind, first_string(record.text(exec->argv)));
    if (name == "args") return text(info.kind, after_first_string(record.text(exec->argv)));
    if (name == "trusted_exepath") return text(info.kind, record.text(exec->exepath));
  }
  if (const auto* sock = record.as<ev_sock>(); sock && name == "queuepct")
    return number(info.kind, sock->queuemax ? int64_t{100} * sock->queuelen / sock->queuemax : 0);
  if (name == "tuple") return text(info.kind, {});
  if (name == "addr" && record.socket()) return text(info.kind, record.text(record.socket()->path));
  if (name == "tid") return number(info.kind, head.tid);
  if (name == "pid") return number(info.kind, head.pid);
  if (name == "uid") return number(info.kind, head.euid);
  if (name == "gid") return number(info.kind, head.egid);
  if (name == "loginuid") return number(info.kind, head.loginuid);
  if (name == "cap_inheritable") return number(info.kind, static_cast<int64_t>(head.cap_inheritable));
  if (name == "cap_permitted") return number(info.kind, static_cast<int64_t>(head.cap_permitted));
  if (name == "cap_effective") return number(info.kind, static_cast<int64_t>(head.cap_effective));
  if (name == "comm") return text(info.kind, {head.comm, ::strnlen(head.comm, sizeof head.comm)});
  return std::nullopt;
}

// Falco prints a byte buffer: what is not printable, and so each NUL between two strings, is a dot.
std::string dotted(std::string_view bytes) {
  std::string out(bytes);
  std::replace_if(
      out.begin(), out.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '.');
  return out;
}

// What was read or written may be anything: only ASCII shows, and a cut is said.
std::string printable(std::string_view bytes, size_t whole) {
  std::string out(bytes);
  std::replace_if(
      out.begin(), out.end(), [](unsigned char c) { return c < 0x20 || c >= 0x7f; }, '.');
  if (whole > bytes.size()) out += "...";
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

// The directory that a path in that field, or below the descriptor in that field, is relative to; "" if unknown or if
// the path needed none.
std::string_view base_of(const Record& record, std::string_view field) {
  if (const auto* open = record.as<ev_open>()) return field == "realpath" ? "" : record.text(open->base);
  if (const auto* path = record.as<ev_path>()) return record.text(path->base);
  if (const auto* paths = record.as<ev_paths>())
    return record.text(field == "second" || field == "dirfd2" ? paths->base2 : paths->base);
  if (const auto* mount = record.as<ev_mount>()) return record.text(mount->base);
  if (const auto* chdir = record.as<ev_chdir>()) return field == "path" ? record.text(chdir->cwd) : "";
  if (const auto* exec = record.as<ev_exec>()) return record.text(exec->cwd);
  return {};
}

// What such a descriptor is: the type bits of its inode's mode; 0 if it was not open.
uint32_t mode_of_base(const Record& record, std::string_view field) {
  if (const auto* open = record.as<ev_open>()) return open->base_mode;
  if (const auto* path = record.as<ev_path>()) return path->i_mode;
  if (const auto* paths = record.as<ev_paths>()) return field == "dirfd2" ? paths->i_mode : paths->base_mode;
  return 0;
}

// "<d>/etc": a directory's descriptor among the parameters; "" for others.
std::string base_descriptor(const Record& record, const ParamInfo& info) {
  if (!info.field || !info.field->name.starts_with("dirfd")) return {};
  const uint32_t mode = mode_of_base(record, info.field->name);
  if (mode == 0) return {};
  return (S_ISDIR(mode) ? "<d>" : "<f>") + std::string(base_of(record, info.field->name));
}

// What stands beside the number; "" when the number is all there is.
std::string resolved_number(const Record& record, const Param& param, const ParamInfo& info, const Names& names) {
  if (const auto* open = record.as<ev_open>(); open && info.name == "flags") return open_flags_text(*open);
  if (std::string base = base_descriptor(record, info); !base.empty() && param.number >= 0) return base;
  switch (param.kind) {
    case Kind::kABSTIME:
      return time_text(param.number);
    case Kind::kFD:
      if (param.number == kAtFdcwd) return "AT_FDCWD";
      if (param.number < 0) return std::string(errno_name(param.number));
      return names.descriptor(param.number);
    case Kind::kERRNO:
    case Kind::kHEXERRNO:
      return param.number < 0 ? std::string(errno_name(param.number)) : std::string();
    case Kind::kPID:
      return names.comm(param.number);
    case Kind::kUID:
      return id_text(param.number, names.user(static_cast<uint32_t>(param.number)));
    case Kind::kGID:
      return id_text(param.number, names.group(static_cast<uint32_t>(param.number)));
    case Kind::kSIGTYPE:
      return std::string(signal_name(param.number));
    case Kind::kSYSCALLID:
      return std::string(record.info().name);
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
    case Kind::kHEXERRNO:
      return param.number < 0 ? std::to_string(param.number) : fmt::format("{:X}", param.number);
    case Kind::kCHMOD_MODE:
    case Kind::kMKNOD_MODE:
    case Kind::kOCT32:
      return param.number == 0 ? "0" : fmt::format("0{:o}", param.number);
    default:
      return kind_info(param.kind).cls == KindClass::kSigned ? std::to_string(param.number)
                                                             : std::to_string(static_cast<uint64_t>(param.number));
  }
}

// How many bytes the parameter had before any cut.
size_t whole_size(const Record& record, std::string_view field) {
  const auto* io = record.as<ev_io>();
  if (io && field == "msgcontrol") return io->control_size;
  if (io) return io->res >= 0 ? static_cast<size_t>(io->res) : io->size;
  if (const auto* call = record.as<ev_call>()) return call->length;
  const auto* desc = record.as<ev_desc>();
  return desc ? desc->length : 0;
}

std::string resolved_text(const Record& record, const Param& param, const ParamInfo& info, const Names& names) {
  if (param.kind == Kind::kSOCKTUPLE) {
    std::string tuple = names.tuple();
    return tuple.empty() ? std::string(kEmptyBuffer) : tuple;
  }
  if (param.kind == Kind::kSOCKADDR && record.address())
    if (std::string address = argument_text(*record.address()); !address.empty()) return address;
  if (param.kind == Kind::kBYTEBUF)
    return param.text.empty() ? std::string(kEmptyBuffer)
                              : printable(param.text, whole_size(record, info.field ? info.field->name : ""));
  if (kind_info(param.kind).cls == KindClass::kArgv)
    return param.text.empty() ? std::string(kEmptyBuffer) : dotted(param.text);
  if (param.text.empty()) return std::string(kEmpty);
  // A chdir that worked has left the directory that its path was relative to: where it led is what the kernel says.
  if (const auto* chdir = record.as<ev_chdir>(); chdir && chdir->res >= 0 && param.text.front() != '/')
    return std::string(record.text(chdir->cwd));
  const bool is_path = param.kind == Kind::kFSPATH || param.kind == Kind::kFSRELPATH;
  if (is_path && info.field) return names.absolute(param.text, base_of(record, info.field->name));
  return std::string(param.text);
}

// A path as the program wrote it, of which resolved_text() makes another.
bool is_relative(const Param& param) {
  const bool is_path = param.kind == Kind::kFSPATH || param.kind == Kind::kFSRELPATH;
  return is_path && !param.text.empty() && param.text.front() != '/';
}

const ParamInfo* find_param(const EventInfo& info, std::string_view name) {
  size_t index = 0;
  auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), index);
  if (error == std::errc() && end == name.data() + name.size())
    return index < info.params.size() ? &info.params[index] : nullptr;
  return info.param(name);
}

std::optional<Param> value_of(const Record& record, const ParamInfo& param, const Names* names) {
  if (names)
    if (auto told = names->of_process(param.name)) {
      told->kind = param.kind;
      return told;
    }
  if (!param.field) return derived(record, param);
  if (param.field->is_text) return text(param.kind, record.text(*param.field));
  return number(param.kind, narrowed(param.kind, record.number(*param.field)));
}

}  // namespace

int64_t narrowed(Kind kind, int64_t number) {
  constexpr int64_t kLayers = FDF_UPPER_LAYER | FDF_LOWER_LAYER, kSockFlags = 02004000;
  if (kind == Kind::kCREAT_FLAGS) return number & kLayers;
  if (kind == Kind::kSOCK_TYPE_FLAGS) return number & kSockFlags;  // SOCK_NONBLOCK, SOCK_CLOEXEC beside the type
  const bool is_signed = kind_info(kind).cls == KindClass::kSigned;
  switch (kind_bits(kind)) {
    case 32:
      return is_signed ? int64_t{static_cast<int32_t>(number)} : int64_t{static_cast<uint32_t>(number)};
    case 16:
      return static_cast<uint16_t>(number);
    case 8:
      return static_cast<uint8_t>(number);
    default:
      return number;
  }
}

std::optional<Param> raw_param(const Record& record, const EventInfo& info, std::string_view name, const Names* names) {
  const ParamInfo* param = find_param(info, name);
  return param ? value_of(record, *param, names) : std::nullopt;
}

std::optional<std::string> param_text(const Record& record, const EventInfo& info, std::string_view name,
                                      const Names& names) {
  const ParamInfo* param = find_param(info, name);
  const auto value = param ? value_of(record, *param, &names) : std::nullopt;
  if (!value) return std::nullopt;
  if (!value->is_number) return resolved_text(record, *value, *param, names);
  std::string resolved = resolved_number(record, *value, *param, names);
  return resolved.empty() ? plain_number(*value) : resolved;
}

std::string params_text(const Record& record, const EventInfo& info, const Names& names) {
  std::string out;
  for (const ParamInfo& param : info.params) {
    const auto value = value_of(record, param, &names);
    if (!value) continue;
    if (!out.empty()) out += ' ';
    out.append(param.name) += '=';
    if (!value->is_number) {
      const std::string resolved = resolved_text(record, *value, param, names);
      if (is_relative(*value))
        out.append(value->text).append("(").append(resolved).append(")");
      else
        out += resolved;
      continue;
    }
    out += plain_number(*value);
    if (std::string resolved = resolved_number(record, *value, param, names); !resolved.empty())
      out += "(" + resolved + ")";
  }
  return out;
}

}  // namespace tiercel::decoders
