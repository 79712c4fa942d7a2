// evt.*: what the record says about itself.
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <ctime>

#include <fmt/core.h>

#include "agent/rule/accessors.h"
#include "agent/rule/event_text.h"
#include "decoders/flags.h"
#include "decoders/render.h"

namespace tiercel::rule::accessors {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

std::tm local_time(uint64_t wall_ns) {
  const auto seconds = static_cast<time_t>(wall_ns / kSecond);
  std::tm out{};
  localtime_r(&seconds, &out);
  return out;
}

bool is_tracepoint(const Access& a) {
  const uint16_t type = a.event.info().type;
  return type == EVT_procexit || type == EVT_container || type == EVT_procinfo;
}

std::string clock_text(const std::tm& t) {
  return fmt::format("{:02}:{:02}:{:02}", t.tm_hour, t.tm_min, t.tm_sec);
}
std::string date_text(const std::tm& t) {
  return fmt::format("{:04}-{:02}-{:02}", t.tm_year + 1900, t.tm_mon + 1, t.tm_mday);
}
std::string fraction(const Access& a) {
  return fmt::format(".{:09}", a.event.wall_ns() % kSecond);
}

const ev_open* opened_by_path(const Access& a) {
  const auto* open = a.event.record().as<ev_open>();
  return open && a.event.info().type != EVT_creat ? open : nullptr;
}

}  // namespace

Value made_text(const Access& a, std::string_view text) {
  return Value::of_text(a.arena.copy(text));
}

Value joined(const Access& a, std::string_view first, std::string_view second) {
  if (second.empty()) return Value::of_text(first);
  char* out = a.arena.bytes(first.size() + 1 + second.size());
  std::memcpy(out, first.data(), first.size());
  out[first.size()] = ' ';
  std::memcpy(out + first.size() + 1, second.data(), second.size());
  return Value::of_text({out, first.size() + 1 + second.size()});
}

Value never(const Access&) {
  return Value::of_bool(false);
}
Value no_value(const Access&) {
  return {};
}
Value zero(const Access&) {
  return Value::of_uint(0);
}
Value one(const Access&) {
  return Value::of_uint(1);
}
Value zero_ns_text(const Access&) {
  return Value::of_text("0ns");
}

Value evt_num(const Access& a) {
  return Value::of_uint(a.event.num());
}
Value evt_rawtime(const Access& a) {
  return Value::of_uint(a.event.wall_ns());
}
Value evt_rawtime_s(const Access& a) {
  return Value::of_uint(a.event.wall_ns() / kSecond);
}
Value evt_rawtime_ns(const Access& a) {
  return Value::of_uint(a.event.wall_ns() % kSecond);
}

Value evt_time(const Access& a) {
  return made_text(a, clock_text(local_time(a.event.wall_ns())) + fraction(a));
}
Value evt_time_s(const Access& a) {
  return made_text(a, clock_text(local_time(a.event.wall_ns())));
}
Value evt_datetime_s(const Access& a) {
  const std::tm t = local_time(a.event.wall_ns());
  return made_text(a, date_text(t) + " " + clock_text(t));
}
Value evt_datetime(const Access& a) {
  const std::tm t = local_time(a.event.wall_ns());
  return made_text(a, date_text(t) + " " + clock_text(t) + fraction(a));
}
Value evt_time_iso(const Access& a) {
  const auto seconds = static_cast<time_t>(a.event.wall_ns() / kSecond);
  std::tm t{};
  gmtime_r(&seconds, &t);
  return made_text(a, date_text(t) + "T" + clock_text(t) + fraction(a) + "+0000");
}

Value evt_source(const Access&) {
  return Value::of_text("syscall");
}

Value evt_hostname(const Access&) {
  static const std::string name = [] {
    if (const char* given = std::getenv("FALCO_HOSTNAME")) return std::string(given);
    std::array<char, 256> buffer{};
    return gethostname(buffer.data(), buffer.size() - 1) == 0 ? std::string(buffer.data()) : std::string();
  }();
  return Value::of_text(name);
}

// A container's start is told when its metadata is there, as Falco's container plugin does.
Value evt_is_async(const Access& a) {
  return Value::of_bool(a.event.info().type == EVT_container);
}
Value evt_is_io_uring(const Access& a) {
  return Value::of_bool((a.event.head().flags & EVF_IO_URING) != 0);
}
Value evt_is_res_unknown(const Access& a) {
  return Value::of_bool((a.event.head().flags & EVF_RES_UNKNOWN) != 0);
}
Value evt_asynctype(const Access& a) {
  return a.event.info().type == EVT_container ? Value::of_text(a.event.type()) : Value();
}

Value evt_dir(const Access& a) {
  return Value::of_text(is_tracepoint(a) ? ">" : "<");
}
Value evt_type(const Access& a) {
  return Value::of_text(a.event.type());
}
Value evt_type_is(const Access& a) {
  return Value::of_uint(a.event.type() == a.arg.text ? 1 : 0);
}
Value syscall_type(const Access& a) {
  return is_tracepoint(a) ? Value() : Value::of_text(a.event.type());
}

namespace {

// Reads, writes and the like are of what their descriptor is.
std::string_view io_category(context::FdKind kind) {
  switch (kind) {
    case context::FdKind::kFile:
    case context::FdKind::kDirectory:
      return "file";
    case context::FdKind::kIpv4:
    case context::FdKind::kIpv6:
      return "net";
    case context::FdKind::kPipe:
    case context::FdKind::kUnix:
    case context::FdKind::kEvent:
    case context::FdKind::kSignal:
    case context::FdKind::kInotify:
    case context::FdKind::kUserfault:
      return "ipc";
    default:
      return "unknown";
  }
}

}  // namespace

Value evt_category(const Access& a) {
  const std::string_view category = a.event.info().category;
  if (category == "IPC") return Value::of_text(category);
  if (category.starts_with("IO_")) return Value::of_text(io_category(fd_kind_of(a.event)));
  std::string lower(category);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return made_text(a, lower);
}

Value evt_cpu(const Access& a) {
  return Value::of_int(a.event.head().cpu);
}

Value evt_args(const Access& a) {
  const EventText names(a.event, a.view);
  return made_text(a, decoders::params_text(a.event.record(), a.event.info(), names));
}

Value evt_arg(const Access& a) {
  std::string_view name = a.arg.text;
  const auto params = a.event.info().params;
  if (a.arg.index >= 0) {
    if (static_cast<size_t>(a.arg.index) >= params.size()) return {};
    name = params[static_cast<size_t>(a.arg.index)].name;
  }
  const EventText names(a.event, a.view);
  if (a.view == context::PathView::kKernel && name == "name" && a.event.record().as<ev_open>())
    if (const auto path = a.event.path(a.view)) return Value::of_text(*path);
  const auto text = decoders::param_text(a.event.record(), a.event.info(), name, names);
  return text ? made_text(a, *text) : Value();
}

Value evt_rawarg(const Access& a) {
  const EventText names(a.event, a.view);
  const auto param = decoders::raw_param(a.event.record(), a.event.info(), a.arg.text, &names);
  if (!param) return {};
  const decoders::KindClass cls = decoders::kind_info(param->kind).cls;
  if (param->is_number)
    return cls == decoders::KindClass::kSigned ? Value::of_int(param->number)
                                               : Value::of_uint(static_cast<uint64_t>(param->number));
  if (param->text.empty()) return {};
  return cls == decoders::KindClass::kText ? Value::of_text(param->text) : Value::of_bytes(param->text);
}

Value evt_rawres(const Access& a) {
  const auto result = a.event.result();
  return result ? Value::of_int(*result) : Value();
}

Value evt_res(const Access& a) {
  const auto result = a.event.result();
  if (!result) return {};
  if (*result >= 0) return Value::of_text("SUCCESS");
  const std::string_view name = decoders::errno_name(*result);
  return name.empty() ? made_text(a, std::to_string(-*result)) : Value::of_text(name);
}

Value evt_failed(const Access& a) {
  const auto result = a.event.result();
  return result ? Value::of_bool(*result < 0) : Value();
}

namespace {

// EAGAIN and EINPROGRESS are how non-blocking calls say "later".
bool counts_as_error(const Access& a) {
  const auto result = a.event.result();
  return result && *result < 0 && *result != -EAGAIN && *result != -EINPROGRESS;
}

bool in_counted_class(std::string_view category) {
  return category == "FILE" || category == "NET" || category == "MEMORY";
}

}  // namespace

Value evt_count_error(const Access& a) {
  return Value::of_uint(counts_as_error(a));
}
Value evt_count_error_file(const Access& a) {
  return Value::of_uint(counts_as_error(a) && a.event.info().category == "FILE");
}
Value evt_count_error_net(const Access& a) {
  return Value::of_uint(counts_as_error(a) && a.event.info().category == "NET");
}
Value evt_count_error_memory(const Access& a) {
  return Value::of_uint(counts_as_error(a) && a.event.info().category == "MEMORY");
}
Value evt_count_error_other(const Access& a) {
  return Value::of_uint(counts_as_error(a) && !in_counted_class(a.event.info().category));
}

namespace {

bool is_at_call(const context::Event& event) {
  const std::string_view name = event.info().name;
  return name != "creat" && (name.ends_with("at") || name.ends_with("at2"));
}

}  // namespace

// The one path of an *at call is the source too.
Value evt_abspath(const Access& a) {
  if (const auto paths = a.event.two_paths()) {
    if (a.arg.text == "dst") return made_text(a, a.event.absolute(paths->second, paths->second_base));
    return made_text(a, a.event.absolute(paths->first, paths->first_base));
  }
  if (a.arg.text == "dst" || !is_at_call(a.event)) return {};
  const auto path = a.event.path(a.view);
  return path ? Value::of_text(*path) : Value();
}

namespace {

bool moves_bytes(const Access& a, uint8_t flag) {
  return (a.event.info().flags & flag) != 0;
}

}  // namespace

Value evt_is_io(const Access& a) {
  return Value::of_bool(moves_bytes(a, decoders::EF_READS | decoders::EF_WRITES));
}
Value evt_is_io_read(const Access& a) {
  return Value::of_bool(moves_bytes(a, decoders::EF_READS));
}
Value evt_is_io_write(const Access& a) {
  return Value::of_bool(moves_bytes(a, decoders::EF_WRITES));
}
Value evt_io_dir(const Access& a) {
  if (moves_bytes(a, decoders::EF_READS)) return Value::of_text("read");
  return moves_bytes(a, decoders::EF_WRITES) ? Value::of_text("write") : Value();
}
Value evt_is_syslog(const Access& a) {
  if (!moves_bytes(a, decoders::EF_WRITES)) return Value::of_bool(false);
  const Value name = fd_name(a);
  return Value::of_bool(!name.missing() && name.view().find("/dev/log") != std::string_view::npos);
}
Value evt_buffer(const Access& a) {
  const auto* io = a.event.record().as<ev_io>();
  const std::string_view data = io ? a.event.record().text(io->data) : std::string_view();
  return data.empty() ? Value() : Value::of_bytes(data);
}
Value evt_buflen(const Access& a) {
  const auto* io = a.event.record().as<ev_io>();
  return io && io->res >= 0 ? Value::of_uint(static_cast<uint64_t>(io->res)) : Value();
}
Value evt_deltatime(const Access& a) {
  return Value::of_uint(a.event.delta_ns());
}
Value evt_deltatime_s(const Access& a) {
  return Value::of_uint(a.event.delta_ns() / kSecond);
}
Value evt_deltatime_ns(const Access& a) {
  return Value::of_uint(a.event.delta_ns() % kSecond);
}

Value evt_is_open_read(const Access& a) {
  const ev_open* open = opened_by_path(a);
  return open ? Value::of_bool((open->flags & O_ACCMODE) == O_RDONLY || (open->flags & O_ACCMODE) == O_RDWR) : Value();
}

Value evt_is_open_write(const Access& a) {
  const ev_open* open = opened_by_path(a);
  return open ? Value::of_bool((open->flags & O_ACCMODE) == O_WRONLY || (open->flags & O_ACCMODE) == O_RDWR) : Value();
}

Value evt_is_open_exec(const Access& a) {
  constexpr uint32_t kAnyExec = 0111, kTmpFile = 020000000;
  const auto* open = a.event.record().as<ev_open>();
  if (!open) return {};
  const bool creates = a.event.info().type == EVT_creat || (open->flags & (O_CREAT | kTmpFile)) != 0;
  return Value::of_bool(creates && (open->mode & kAnyExec) != 0);
}

Value evt_is_open_create(const Access& a) {
  constexpr uint32_t kTmpFile = 020000000;
  constexpr uint32_t kFmodeCreated = 0x100000;  // include/linux/fs.h
  const auto* open = a.event.record().as<ev_open>();
  if (!open) return {};
  return Value::of_bool(open->fd >= 0 && ((open->fmode & kFmodeCreated) != 0 || (open->flags & kTmpFile) != 0));
}

}  // namespace tiercel::rule::accessors
