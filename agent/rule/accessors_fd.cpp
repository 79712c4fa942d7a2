// fd.*, fs.path.*: the descriptor that an event makes or uses, and the paths of calls that take paths.
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <string>

#include "agent/context/path.h"
#include "agent/rule/accessors.h"
#include "agent/rule/event_text.h"
#include "agent/rule/services.h"

namespace tiercel::rule {
namespace {

constexpr uint16_t kAfUnix = 1, kAfInet = 2, kAfInet6 = 10, kAfNetlink = 16;
constexpr int64_t kEinprogress = 115;

bool is_mapped(const __u8* address) {
  return Value::of_ip(address, true).kind == ValueKind::kIp4;
}

// 4, 6, u, n: the family as fd.typechar tells it; a mapped address makes an IPv4 socket.
char socket_type_char(const ev_sock& sock) {
  const uint16_t family = sock.family ? sock.family : sock.afamily;
  switch (family) {
    case kAfUnix:
      return 'u';
    case kAfInet:
      return '4';
    case kAfInet6:
      return is_mapped(sock.raddr) || (sock.rport == 0 && sock.afamily == kAfInet6 && is_mapped(sock.aaddr)) ? '4'
                                                                                                             : '6';
    case kAfNetlink:
      return 'n';
    default:
      return 'o';
  }
}

}  // namespace

bool has_descriptor(const context::Event& event) {
  return (event.info().flags & (decoders::EF_CREATES_FD | decoders::EF_USES_FD)) != 0;
}

char fd_type_char(const context::Event& event) {
  if (!has_descriptor(event)) return '\0';
  if (const auto* sock = event.record().as<ev_sock>()) return socket_type_char(*sock);
  if (const auto* open = event.record().as<ev_open>()) {
    switch (open->i_mode & S_IFMT) {
      case S_IFDIR:
        return 'd';
      case S_IFIFO:
        return 'p';
      default:
        return 'f';
    }
  }
  return '\0';
}

std::string_view fd_type_name(const context::Event& event) {
  switch (fd_type_char(event)) {
    case 'f':
      return "file";
    case 'd':
      return "directory";
    case 'p':
      return "pipe";
    case '4':
      return "ipv4";
    case '6':
      return "ipv6";
    case 'u':
      return "unix";
    case 'n':
      return "netlink";
    default:
      return {};
  }
}

std::string EventText::user(uint32_t uid) const {
  if (const context::User* user = event_.users().user(uid)) return user->name;
  return uid == 0 ? "root" : "";
}

std::string EventText::group(uint32_t gid) const {
  const std::string* name = event_.users().group(gid);
  return name ? *name : "";
}

std::string EventText::comm(int64_t pid) const {
  if (pid <= 0 || pid > INT32_MAX) return {};
  const context::Process* process = event_.by_pid(static_cast<uint32_t>(pid));
  return process && process->image ? process->image->comm : "";
}

// The path that the event is about is looked at through either of its two paths; every other one is lexical.
std::string EventText::absolute(std::string_view raw, std::string_view base) const {
  const auto own = event_.path_raw();
  if (own && own->data() == raw.data() && own->size() == raw.size())
    if (const auto path = event_.path(view_)) return std::string(*path);
  return event_.absolute(raw, base);
}

std::string EventText::descriptor(int64_t fd) const {
  const auto own = event_.record().as<ev_sock>() ? event_.record().as<ev_sock>()->fd : event_.result().value_or(-1);
  if (fd != own || fd < 0) return {};
  std::string out = "<";
  out += fd_type_char(event_);
  if (const auto* sock = event_.record().as<ev_sock>()) {
    if (sock->l4proto == 6) out += 't';
    if (sock->l4proto == 17) out += 'u';
    return out + ">" + event_.socket_name(*sock);
  }
  const auto path = event_.path(view_);
  return out + ">" + std::string(path.value_or(""));
}

std::string EventText::tuple() const {
  const auto* sock = event_.record().as<ev_sock>();
  return sock ? event_.socket_name(*sock) : std::string();
}

namespace accessors {
namespace {

struct Endpoint {
  Value ip;
  Value port;
};
struct Endpoints {
  Endpoint local, remote;
  bool server = false;  // this process owns the server's side
  bool has_role = false;
};

Value ip_of(uint16_t family, const __u8* bytes) {
  return family == kAfInet || family == kAfInet6 ? Value::of_ip(bytes, family == kAfInet6) : Value();
}

bool endpoints(const Access& a, Endpoints& out) {
  const auto* sock = a.event.record().as<ev_sock>();
  if (!sock || (sock->family != kAfInet && sock->family != kAfInet6)) return false;
  const uint16_t type = a.event.info().type;
  out.local = {ip_of(sock->family, sock->laddr), Value::of_uint(sock->lport)};
  if (type == EVT_bind) {
    out.server = out.has_role = sock->lport != 0 && sock->res == 0;
    return true;
  }
  out.has_role = true;
  out.server = type == EVT_accept || type == EVT_accept4;
  if (sock->rport == 0 && sock->afamily != 0)  // a connect that failed leaves no peer in the socket
    out.remote = {ip_of(sock->afamily, sock->aaddr), Value::of_uint(sock->aport)};
  else
    out.remote = {ip_of(sock->family, sock->raddr), Value::of_uint(sock->rport)};
  return true;
}

Endpoint client(const Access& a) {
  Endpoints e;
  if (!endpoints(a, e) || !e.has_role) return {};
  return e.server ? e.remote : e.local;
}
Endpoint server(const Access& a) {
  Endpoints e;
  if (!endpoints(a, e) || !e.has_role) return {};
  return e.server ? e.local : e.remote;
}
Endpoint local(const Access& a) {
  Endpoints e;
  return endpoints(a, e) ? e.local : Endpoint{};
}
Endpoint remote(const Access& a) {
  Endpoints e;
  return endpoints(a, e) ? e.remote : Endpoint{};
}

Value both(const Access& a, Value Endpoint::*part) {
  Endpoints e;
  if (!endpoints(a, e)) return {};
  Value* items = a.arena.values(2);
  size_t count = 0;
  for (const Endpoint* end : {&e.local, &e.remote})
    if (!(end->*part).missing()) items[count++] = end->*part;
  return count ? Value::of_list({items, count}) : Value();
}

Value service_of(const Access& a, const Value& port) {
  if (port.missing()) return {};
  const auto* sock = a.event.record().as<ev_sock>();
  const std::string_view name = service_name(static_cast<uint16_t>(port.u), sock->l4proto == 17);
  return name.empty() ? made_text(a, std::to_string(port.u)) : Value::of_text(name);
}

const ev_open* opened(const Access& a) {
  return a.event.record().as<ev_open>();
}
bool is_file(const Access& a) {
  return opened(a) != nullptr;
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

// In the kernel's view an event without a kernel path keeps its lexical one.
std::optional<std::string_view> path_in_view(const Access& a) {
  const auto path = a.event.path(a.view);
  return path ? path : a.event.path(context::PathView::kLexical);
}

}  // namespace

Value fd_num(const Access& a) {
  if (!has_descriptor(a.event)) return {};
  if (const auto* open = opened(a)) return open->fd >= 0 ? Value::of_int(open->fd) : Value();
  const auto* sock = a.event.record().as<ev_sock>();
  if (!sock) return {};
  const bool made = (a.event.info().flags & decoders::EF_CREATES_FD) != 0;
  const int64_t fd = made ? sock->res : sock->fd;
  return fd >= 0 ? Value::of_int(fd) : Value();
}

Value fd_type(const Access& a) {
  return text_or_missing(fd_type_name(a.event));
}
Value fd_typechar(const Access& a) {
  static constexpr char kChars[] = "fd46upn o";
  const char c = fd_type_char(a.event);
  for (const char& known : kChars)
    if (known == c && c != '\0') return Value::of_text({&known, 1});
  return {};
}

Value fd_name(const Access& a) {
  if (!has_descriptor(a.event)) return {};
  if (const auto* sock = a.event.record().as<ev_sock>()) return made_text(a, a.event.socket_name(*sock));
  const auto path = path_in_view(a);
  return path ? Value::of_text(*path) : Value();
}

Value fd_directory(const Access& a) {
  if (!is_file(a)) return {};
  const auto path = path_in_view(a);
  return path ? text_or_missing(directory_of(*path)) : Value();
}

Value fd_filename(const Access& a) {
  if (!is_file(a)) return {};
  const auto path = path_in_view(a);
  return path ? Value::of_text(path->substr(path->rfind('/') + 1)) : Value();
}

Value fd_nameraw(const Access& a) {
  if (!is_file(a)) return {};
  const auto raw = a.event.path_raw();
  return raw ? Value::of_text(*raw) : Value();
}

Value fd_realpath(const Access& a) {
  if (!is_file(a)) return {};
  const auto path = a.event.path(context::PathView::kKernel);
  return path ? Value::of_text(*path) : Value();
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
  if (!has_descriptor(a.event)) return {};
  const auto* sock = a.event.record().as<ev_sock>();
  const bool is_ip = sock && (sock->family == kAfInet || sock->family == kAfInet6);
  switch (is_ip ? sock->l4proto : 0) {
    case 6:
      return Value::of_text("tcp");
    case 17:
      return Value::of_text("udp");
    case 1:
      return Value::of_text("icmp");
    case 255:
      return Value::of_text("raw");
    default:
      return Value::of_text("<NA>");
  }
}

Value fd_sockfamily(const Access& a) {
  const auto* sock = a.event.record().as<ev_sock>();
  if (!sock) return {};
  const uint16_t family = sock->family ? sock->family : sock->afamily;
  if (family == kAfUnix) return Value::of_text("unix");
  return family == kAfInet || family == kAfInet6 ? Value::of_text("ip") : Value();
}

Value fd_is_server(const Access& a) {
  Endpoints e;
  return endpoints(a, e) && e.has_role ? Value::of_bool(e.server) : Value();
}

Value fd_connected(const Access& a) {
  const auto* sock = a.event.record().as<ev_sock>();
  if (!sock) return {};
  const uint16_t type = a.event.info().type;
  if (type == EVT_bind) return Value::of_bool(false);
  return Value::of_bool(type == EVT_connect ? sock->res == 0 : sock->res >= 0);
}

Value fd_name_changed(const Access& a) {
  const auto* sock = a.event.record().as<ev_sock>();
  if (!sock) return has_descriptor(a.event) ? Value::of_bool(false) : Value();
  const bool named = sock->res >= 0 || sock->res == -kEinprogress;
  return Value::of_bool(named && a.event.info().type != EVT_bind);
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
  const ev_open* open = opened(a);
  return open && open->fd >= 0 ? Value::of_int(open->dev) : Value();
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
  if (const ev_open* open = opened(a)) return open->fd >= 0 ? Value::of_int(static_cast<int64_t>(open->ino)) : Value();
  const auto* sock = a.event.record().as<ev_sock>();
  return sock && sock->ino ? Value::of_int(static_cast<int64_t>(sock->ino)) : Value();
}

// ---- fs.path.*: successful calls only
// --------------------------------------------------------------------------------

namespace {

bool succeeded(const Access& a) {
  return a.event.result().value_or(-1) >= 0;
}

}  // namespace

Value fs_path_name(const Access& a) {
  if (!is_file(a) || !succeeded(a)) return {};
  const auto path = path_in_view(a);
  return path ? Value::of_text(*path) : Value();
}
Value fs_path_nameraw(const Access& a) {
  return succeeded(a) ? fd_nameraw(a) : Value();
}

Value fs_path_source(const Access& a) {
  const auto* mount = a.event.record().as<ev_mount>();
  if (!mount || !succeeded(a)) return {};
  const std::string_view raw = a.event.record().text(mount->dev);
  if (raw.empty()) return {};
  return made_text(a, a.event.absolute(raw, a.event.record().text(mount->base)));
}
Value fs_path_sourceraw(const Access& a) {
  const auto* mount = a.event.record().as<ev_mount>();
  return mount && succeeded(a) ? text_or_missing(a.event.record().text(mount->dev)) : Value();
}
Value fs_path_target(const Access& a) {
  if (!a.event.record().as<ev_mount>() || !succeeded(a)) return {};
  const auto path = path_in_view(a);
  return path ? Value::of_text(*path) : Value();
}
Value fs_path_targetraw(const Access& a) {
  const auto* mount = a.event.record().as<ev_mount>();
  return mount && succeeded(a) ? text_or_missing(a.event.record().text(mount->dir)) : Value();
}

}  // namespace accessors
}  // namespace tiercel::rule
