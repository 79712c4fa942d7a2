// fd.*: the descriptor that an event makes or uses.
#include <string>

#include "agent/context/path.h"
#include "agent/rule/accessors.h"
#include "agent/rule/event_text.h"
#include "agent/rule/services.h"
#include "decoders/address.h"

namespace tiercel::rule {
namespace {

using context::FdKind;
using decoders::kAfInet;
using decoders::kAfInet6;

constexpr uint16_t kTcp = 6, kUdp = 17, kIcmp = 1, kRaw = 255, kTcpEstablished = 1, kSockRaw = 3;
constexpr int64_t kEinprogress = 115;

// A file's record whose path argument is what fd.name speaks of.
bool names_a_path(const context::Event& event) {
  return event.record().as<ev_open>() || event.info().type == EVT_chdir;
}

}  // namespace

bool has_descriptor(const context::Event& event) {
  return (event.info().flags & (decoders::EF_CREATES_FD | decoders::EF_USES_FD)) != 0;
}

context::FdKind fd_kind_of(const context::Event& event) {
  const auto& descriptor = event.descriptor();
  if (!descriptor) return FdKind::kNone;
  // Falco guesses the kind of a file that could not be opened
  if (descriptor->kind == FdKind::kNone && event.record().as<ev_open>()) return FdKind::kFile;
  return descriptor->kind;
}

std::string EventText::user(uint32_t uid) const {
  if (const context::User* user = event_.user(uid)) return user->name;
  return uid == 0 ? "root" : "";
}

std::string EventText::group(uint32_t gid) const {
  const std::string* name = event_.group(gid);
  return name ? *name : "";
}

// A pid among a call's arguments is what the caller would call that process, in its own pid namespace.
std::string EventText::comm(int64_t pid) const {
  if (pid <= 0 || pid > INT32_MAX) return {};
  const decoders::Record& record = event_.record();
  const auto* fork = record.as<ev_fork>();
  const bool of_host = fork || record.as<ev_exec>() || record.as<ev_exit>();
  if (fork && pid == fork->res) pid = fork->child_pid;
  const auto number = static_cast<uint32_t>(pid);
  const context::Process* process = of_host ? event_.by_pid(number) : event_.by_vpid(number);
  return process && process->image ? process->image->comm : "";
}

// The path that the event is about is looked at through either of its two paths; every other one is lexical.
std::string EventText::absolute(std::string_view raw, std::string_view base) const {
  const auto own = event_.path_raw();
  if (own && own->data() == raw.data() && own->size() == raw.size())
    if (const auto path = event_.path(view_)) return std::string(*path);
  return event_.absolute(raw, base);
}

namespace {

bool is_ip(const sock_part& sock) {
  return sock.family == kAfInet || sock.family == kAfInet6;
}

// "<4t>": tcp, udp, icmp, raw.
std::string protocol_letter(const sock_part& sock) {
  if (!is_ip(sock)) return {};
  if (sock.socktype == kSockRaw) return "r";
  switch (sock.l4proto) {
    case kTcp:
      return "t";
    case kUdp:
      return "u";
    case kIcmp:
      return "i";
    default:
      return {};
  }
}

// Numbers that mean the same open file as the event's descriptor: both ends of a pair are alike, and so is what was
// duplicated.
bool is_its_twin(const context::Event& event, int64_t fd) {
  if (const auto* pair = event.record().as<ev_pair>()) return pair->res == 0 && fd == pair->fd2;
  const uint16_t type = event.info().type;
  const auto* desc = event.record().as<ev_desc>();
  const bool duplicates = type == EVT_dup || type == EVT_dup2 || type == EVT_dup3 || type == EVT_fcntl;
  return desc && duplicates && fd == static_cast<int32_t>(desc->a0);
}

}  // namespace

std::string EventText::descriptor(int64_t fd) const {
  const auto& own = event_.descriptor();
  if (!own || fd < 0 || own->num < 0 || (fd != own->num && !is_its_twin(event_, fd))) return {};
  std::string out = "<";
  out += context::fd_type_char(fd_kind_of(event_));
  if (own->sock) {
    out += protocol_letter(*own->sock);
    return out + ">" + event_.socket_name();
  }
  if (names_a_path(event_)) return out + ">" + std::string(event_.path(view_).value_or(""));
  return out + ">" + event_.descriptor_name(*own);
}

std::string EventText::tuple() const {
  return event_.socket_name();
}

std::optional<decoders::Param> EventText::of_process(std::string_view name) const {
  if (!event_.record().as<ev_fork>() && name != "cgroups" && name != "pidns_init_start_ts") return std::nullopt;
  const context::Process& process = event_.process();
  const context::Image& image = event_.image();
  auto number = [](int64_t value) { return decoders::Param{{}, true, value, {}}; };
  auto text = [](std::string_view value) { return decoders::Param{{}, false, 0, value}; };
  if (name == "cgroups") return text(process.cgroups);
  if (name == "pidns_init_start_ts") {
    const uint64_t init = process.usage.pidns_init_ns;
    return number(init == 0 ? 0 : static_cast<int64_t>(event_.wall_ns_of(init)));
  }
  if (name == "res" && event_.child_side()) return number(0);
  if (name == "exe") return text(image.exe());
  if (name == "args") {
    made_.clear();
    for (size_t n = 1; n < image.argv.size(); ++n) made_.append(image.argv[n]).push_back('\0');
    return text(made_);
  }
  if (name == "comm") return text(image.comm);
  if (name == "cwd") return text(process.cwd);
  if (name == "tid") return number(event_.tid());
  if (name == "pid") return number(process.key.pid);
  if (name == "vpid") return number(process.vpid);
  if (name == "ptid") {
    const context::Process* parent = event_.ancestor(1);
    return number(parent ? parent->key.pid : 0);
  }
  if (name == "vtid") return number(event_.vtid().value_or(0));
  if (name == "uid") return number(process.euid);
  if (name == "gid") return number(process.egid);
  return usage_param(name);
}

// A record of a creation tells what the child has used; the parent's own is what it was known to have.
std::optional<decoders::Param> EventText::usage_param(std::string_view name) const {
  const usage_part& usage = event_.process().usage;
  auto number = [](uint64_t value) { return decoders::Param{{}, true, static_cast<int64_t>(value), {}}; };
  if (name == "fdlimit") return number(usage.fdlimit);
  if (name == "pgft_maj") return number(usage.pgft_maj);
  if (name == "pgft_min") return number(usage.pgft_min);
  if (name == "vm_size") return number(usage.vm_size);
  if (name == "vm_rss") return number(usage.vm_rss);
  if (name == "vm_swap") return number(usage.vm_swap);
  return std::nullopt;
}

namespace accessors {
namespace {

struct Endpoint {
  Value ip;
  Value port;
};

Endpoint endpoint(const context::Event::End& end) {
  if (end.family != kAfInet && end.family != kAfInet6) return {};
  return {Value::of_ip(end.address, end.family == kAfInet6), Value::of_uint(end.port)};
}

Endpoint client(const Access& a) {
  const auto ends = a.event.ends();
  return ends && ends->has_role ? endpoint(ends->client()) : Endpoint{};
}
Endpoint server(const Access& a) {
  const auto ends = a.event.ends();
  return ends && ends->has_role ? endpoint(ends->server()) : Endpoint{};
}
Endpoint local(const Access& a) {
  const auto ends = a.event.ends();
  return ends ? endpoint(ends->local) : Endpoint{};
}
Endpoint remote(const Access& a) {
  const auto ends = a.event.ends();
  return ends ? endpoint(ends->remote) : Endpoint{};
}

Value both(const Access& a, Value Endpoint::*part) {
  const auto ends = a.event.ends();
  if (!ends) return {};
  Value* items = a.arena.values(2);
  size_t count = 0;
  for (const Endpoint& end : {endpoint(ends->local), endpoint(ends->remote)})
    if (!(end.*part).missing()) items[count++] = end.*part;
  return count ? Value::of_list({items, count}) : Value();
}

Value service_of(const Access& a, const Value& port) {
  if (port.missing()) return {};
  const std::string_view name = service_name(static_cast<uint16_t>(port.u), a.event.record().socket()->l4proto == kUdp);
  return name.empty() ? made_text(a, std::to_string(port.u)) : Value::of_text(name);
}

// A descriptor with a path: Falco's fd.directory and fd.filename are of files only.
bool is_file(const Access& a) {
  const FdKind kind = fd_kind_of(a.event);
  return kind == FdKind::kFile || kind == FdKind::kDirectory;
}

std::string_view directory_of(std::string_view path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return {};
  return slash == 0 ? path.substr(0, 1) : path.substr(0, slash);
}

std::string_view container_name_of(const Access& a) {
  const context::Container* container = a.event.container();
  return container ? std::string_view(container->id) : std::string_view("host");
}

Value prefixed(const Access& a, const Value& v) {
  if (v.missing()) return {};
  return made_text(a, std::string(container_name_of(a)) + ":" + std::string(v.view()));
}

Value layer(const Access& a, uint32_t bit) {
  const file_part* file = has_descriptor(a.event) ? a.event.record().file() : nullptr;
  return file && (file->fd_flags & FDF_FILE) ? Value::of_bool((file->fd_flags & bit) != 0) : Value();
}

// What the descriptor's struct file says, if there is one.
const file_part* open_file(const Access& a) {
  const file_part* file = has_descriptor(a.event) ? a.event.record().file() : nullptr;
  return file && file->ino != 0 ? file : nullptr;
}

// Falco's guess at what a call that failed would have made; an open's is a shrug.
FdKind guessed_kind(uint16_t type) {
  switch (type) {
    case EVT_openat:
    case EVT_openat2:
    case EVT_creat:
    case EVT_open_by_handle_at:
      return FdKind::kFile;
    case EVT_open:
      return FdKind::kUnknown;
    case EVT_socket:
    case EVT_accept:
    case EVT_accept4:
      return FdKind::kIpv4;
    case EVT_pipe:
    case EVT_pipe2:
      return FdKind::kPipe;
    default:
      return FdKind::kNone;
  }
}

// In the kernel's view an event without a kernel path keeps its lexical one.
std::optional<std::string_view> path_in_view(const Access& a) {
  const auto path = a.event.path(a.view);
  return path ? path : a.event.path(context::PathView::kLexical);
}

}  // namespace

Value fd_num(const Access& a) {
  const auto& descriptor = a.event.descriptor();
  return descriptor && descriptor->num >= 0 ? Value::of_int(descriptor->num) : Value();
}

Value fd_type(const Access& a) {
  const auto& descriptor = a.event.descriptor();
  return descriptor ? text_or_missing(context::fd_type_name(descriptor->kind)) : Value();
}
Value fd_typechar(const Access& a) {
  const auto& descriptor = a.event.descriptor();
  if (!descriptor) return {};
  const FdKind kind = descriptor->kind == FdKind::kNone ? guessed_kind(a.event.info().type) : descriptor->kind;
  const char c = context::fd_type_char(kind);
  if (c == '\0') return {};
  char* out = a.arena.bytes(1);
  *out = c;
  return Value::of_text({out, 1});
}

Value fd_name(const Access& a) {
  const auto& descriptor = a.event.descriptor();
  if (!descriptor) return {};
  if (names_a_path(a.event)) {
    const auto path = path_in_view(a);
    return path ? Value::of_text(*path) : Value();
  }
  if (descriptor->kind == FdKind::kNone) return {};
  return made_text(a, descriptor->sock ? a.event.socket_name() : a.event.descriptor_name(*descriptor));
}

Value fd_directory(const Access& a) {
  const Value name = is_file(a) ? fd_name(a) : Value();
  return name.missing() ? Value() : text_or_missing(directory_of(name.view()));
}

Value fd_filename(const Access& a) {
  const Value name = is_file(a) ? fd_name(a) : Value();
  return name.missing() ? Value() : Value::of_text(name.view().substr(name.view().rfind('/') + 1));
}

Value fd_nameraw(const Access& a) {
  if (!names_a_path(a.event)) return fd_name(a);
  const auto raw = a.event.path_raw();
  return raw ? Value::of_text(*raw) : Value();
}

Value fd_is_direct(const Access& a) {
  return a.event.descriptor() ? Value::of_bool((a.event.head().flags & EVF_FD_DIRECT) != 0) : Value();
}

Value fd_realpath(const Access& a) {
  if (a.event.record().as<ev_open>() || a.event.info().type == EVT_chdir) {
    const auto path = a.event.path(context::PathView::kKernel);
    return path ? Value::of_text(*path) : Value();
  }
  const file_part* file = a.event.record().file();
  return file ? text_or_missing(a.event.record().text(file->realpath)) : Value();
}

Value fd_ip(const Access& a) {
  return both(a, &Endpoint::ip);
}
Value fd_port(const Access& a) {
  return both(a, &Endpoint::port);
}
Value fd_cip(const Access& a) {
  return client(a).ip;
}
Value fd_sip(const Access& a) {
  return server(a).ip;
}
Value fd_lip(const Access& a) {
  return local(a).ip;
}
Value fd_rip(const Access& a) {
  return remote(a).ip;
}
Value fd_cport(const Access& a) {
  return client(a).port;
}
Value fd_sport(const Access& a) {
  return server(a).port;
}
Value fd_lport(const Access& a) {
  return local(a).port;
}
Value fd_rport(const Access& a) {
  return remote(a).port;
}
Value fd_cproto(const Access& a) {
  return service_of(a, client(a).port);
}
Value fd_sproto(const Access& a) {
  return service_of(a, server(a).port);
}
Value fd_lproto(const Access& a) {
  return service_of(a, local(a).port);
}
Value fd_rproto(const Access& a) {
  return service_of(a, remote(a).port);
}

Value fd_l4proto(const Access& a) {
  const auto& descriptor = a.event.descriptor();
  if (!descriptor) return {};
  const sock_part* sock = descriptor->sock;
  if (sock && is_ip(*sock) && sock->socktype == kSockRaw) return Value::of_text("raw");
  switch (sock && is_ip(*sock) ? sock->l4proto : 0) {
    case kTcp:
      return Value::of_text("tcp");
    case kUdp:
      return Value::of_text("udp");
    case kIcmp:
      return Value::of_text("icmp");
    case kRaw:
      return Value::of_text("raw");
    default:
      return Value::of_text("<NA>");
  }
}

Value fd_sockfamily(const Access& a) {
  switch (fd_kind_of(a.event)) {
    case FdKind::kUnix:
      return Value::of_text("unix");
    case FdKind::kIpv4:
    case FdKind::kIpv6:
      return Value::of_text("ip");
    default:
      return {};
  }
}

Value fd_is_server(const Access& a) {
  const auto ends = a.event.ends();
  return ends && ends->has_role ? Value::of_bool(ends->local_is_server) : Value();
}

Value fd_connected(const Access& a) {
  const auto& descriptor = a.event.descriptor();
  if (!descriptor || !descriptor->sock) return {};
  if (a.event.info().type == EVT_bind) return Value::of_bool(false);
  if (const auto* sock = a.event.record().as<ev_sock>())
    return Value::of_bool(a.event.info().type == EVT_connect ? sock->res == 0 : sock->res >= 0);
  return Value::of_bool(descriptor->sock->state == kTcpEstablished);
}

Value fd_name_changed(const Access& a) {
  const auto& descriptor = a.event.descriptor();
  if (!descriptor) return {};
  if (const auto* sock = a.event.record().as<ev_sock>()) {
    const bool named = sock->res >= 0 || sock->res == -kEinprogress;
    return Value::of_bool(named && a.event.info().type != EVT_bind);
  }
  return Value::of_bool(descriptor->sock && (descriptor->sock->sk_flags & SKF_NAME_CHANGED) != 0);
}

Value fd_is_upper_layer(const Access& a) {
  return layer(a, FDF_UPPER_LAYER);
}
Value fd_is_lower_layer(const Access& a) {
  return layer(a, FDF_LOWER_LAYER);
}

Value fd_uid(const Access& a) {
  const Value fd = fd_num(a);
  return fd.missing() ? Value() : made_text(a, std::to_string(a.event.tid()) + std::to_string(fd.i));
}
Value fd_containername(const Access& a) {
  return prefixed(a, fd_name(a));
}
Value fd_containerdirectory(const Access& a) {
  return prefixed(a, fd_directory(a));
}

Value fd_dev(const Access& a) {
  const file_part* file = open_file(a);
  return file ? Value::of_int(file->dev) : Value();
}
// The kernel's own encoding of a device number: 12 bits of major, 20 of minor.
// The record has stat's encoding (include/linux/kdev_t.h, new_encode_dev).
Value fd_dev_major(const Access& a) {
  const Value dev = fd_dev(a);
  return dev.missing() ? Value() : Value::of_int(dev.i >> 8 & 0xfff);
}
Value fd_dev_minor(const Access& a) {
  const Value dev = fd_dev(a);
  return dev.missing() ? Value() : Value::of_int((dev.i & 0xff) | (dev.i >> 12 & 0xfff00));
}
Value fd_ino(const Access& a) {
  const file_part* file = open_file(a);
  return file ? Value::of_int(static_cast<int64_t>(file->ino)) : Value();
}

}  // namespace accessors
}  // namespace tiercel::rule
