// Check-list, group K: what descriptors are, their names, and the two ends of a socket.
#include <doctest/doctest.h>

#include <sys/socket.h>

#include "check_events_support.h"

using namespace tiercel;
using namespace tiercel::rule;
using namespace tiercel::rule::test;
using context::FdKind;

namespace {

constexpr uint16_t kTcp = 6, kUdp = 17;
constexpr uint16_t kEstablished = 1, kClosed = 7, kListening = 10;     // include/net/tcp_states.h
constexpr uint32_t kAnonMagic = 0x09041934, kTmpfsMagic = 0x01021994;  // include/uapi/linux/magic.h
constexpr std::array<uint8_t, 16> kHere{10, 0, 0, 1}, kThere{192, 168, 7, 9}, kAny{};

struct Socket {
  uint16_t family = AF_INET, type = SOCK_STREAM, proto = kTcp, state = kEstablished, flags = 0;
  std::array<uint8_t, 16> local = kHere, remote = kThere;
  uint16_t lport = 0, rport = 0;
  uint64_t source = 0, peer = 0;
  std::string path = {};
};

template <class T>
void set_socket(Builder<T>& b, const Socket& s) {
  set_file(b, "", S_IFSOCK | 0777, 0x534f434b);
  b->family = s.family;
  b->socktype = s.type;
  b->l4proto = s.proto;
  b->state = s.state;
  b->sk_flags = s.flags;
  b->lport = s.lport;
  b->rport = s.rport;
  b->source = s.source;
  b->peer = s.peer;
  std::memcpy(b->laddr, s.local.data(), 16);
  std::memcpy(b->raddr, s.remote.data(), 16);
  b.set_text(&T::path, s.path);
}

struct Argument {  // an address among a call's arguments
  uint16_t family = 0, port = 0;
  std::array<uint8_t, 16> address{};
};
template <class T>
void set_argument(Builder<T>& b, const Argument& a) {
  b->afamily = a.family;
  b->aport = a.port;
  std::memcpy(b->aaddr, a.address.data(), 16);
}

TestEvent socket_event(World& world, uint16_t type, const Socket& s, const Argument& a = {}, int64_t res = 0) {
  return event_of<ev_sock>(world, type, [&](Builder<ev_sock>& b) {
    b->res = res;
    b->fd = 5;
    set_socket(b, s);
    set_argument(b, a);
  });
}
// A call on a socket that has no address of its own, or that makes one.
TestEvent plain_socket_event(World& world, uint16_t type, const Socket& s, int64_t res = 0) {
  return event_of<ev_desc>(world, type, [&](Builder<ev_desc>& b) {
    b->res = res;
    b->fd = 5;
    set_socket(b, s);
  });
}
TestEvent io_event(World& world, uint16_t type, const Socket& s, const Argument& a = {}, int64_t res = 10) {
  return event_of<ev_io>(world, type, [&](Builder<ev_io>& b) {
    b->res = res;
    b->fd = 5;
    b->size = 10;
    set_socket(b, s);
    set_argument(b, a);
  });
}

std::array<uint8_t, 16> mapped(uint8_t a, uint8_t b, uint8_t c, uint8_t d) {
  return {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d};
}
constexpr std::array<uint8_t, 16> kLoopback6{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};

}  // namespace

TEST_CASE(
    "K8 fd.name of sockets: the client's end first; ip:port of a server; unix ends and path; a fresh one has none") {
  World world;
  const TestEvent client = socket_event(world, EVT_connect, {.lport = 40000, .rport = 443});
  all_hold({"fd.name = 10.0.0.1:40000->192.168.7.9:443", "fd.cip = 10.0.0.1", "fd.sip = 192.168.7.9",
            "fd.cport = 40000", "fd.sport = 443", "fd.typechar = 4", "fd.l4proto = tcp", "fd.sockfamily = ip"},
           client);
  const TestEvent server = socket_event(world, EVT_accept, {.lport = 80, .rport = 50000}, {}, 6);
  all_hold({"fd.name = 192.168.7.9:50000->10.0.0.1:80", "fd.cip = 192.168.7.9", "fd.sip = 10.0.0.1", "fd.cport = 50000",
            "fd.sport = 80", "fd.num = 6"},
           server);
  const Socket bound{.state = kClosed, .local = kAny, .remote = kAny, .lport = 8080};
  all_hold({"fd.name = 0.0.0.0:8080", "fd.sip = 0.0.0.0", "fd.sport = 8080", "fd.is_server = true"},
           socket_event(world, EVT_bind, bound, {AF_INET, 8080, kAny}));
  // The kernel finds a port for who asks for none: that does not make a server.
  const TestEvent any_port = socket_event(world, EVT_bind, bound, {AF_INET, 0, kAny});
  for (const std::string field : {"fd.is_server", "fd.sport", "fd.sip", "fd.cip"})
    CHECK_MESSAGE(is_missing(field, any_port), field);
  Socket listening = bound;
  listening.state = kListening;
  all_hold({"fd.name = 0.0.0.0:8080", "fd.sport = 8080", "fd.is_server = true"},
           plain_socket_event(world, EVT_listen, listening));
  Socket fresh = bound;
  fresh.lport = 0;
  const TestEvent made = plain_socket_event(world, EVT_socket, fresh, 5);
  all_hold({"fd.name = \"\"", "fd.num = 5", "fd.typechar = 4", "fd.type = ipv4"}, made);

  const Socket unix_end{.family = AF_UNIX, .proto = 0, .source = 0xffff8880, .peer = 0xffff9990, .path = "/run/x"};
  for (uint16_t type : {EVT_connect, EVT_accept})
    all_hold({"fd.name = \"ffff8880->ffff9990 /run/x\"", "fd.typechar = u", "fd.type = unix", "fd.sockfamily = unix"},
             socket_event(world, type, unix_end));
  CHECK(holds("fd.name = /run/x", *socket_event(world, EVT_bind, {.family = AF_UNIX, .proto = 0, .path = "/run/x"})));
}

TEST_CASE("K9 local and remote end, server or client, connected, and a name that an event changed") {
  World world;
  const TestEvent client = socket_event(world, EVT_connect, {.lport = 40000, .rport = 443});
  all_hold({"fd.lip = 10.0.0.1", "fd.rip = 192.168.7.9", "fd.lport = 40000", "fd.rport = 443", "fd.is_server = false",
            "fd.connected = true", "fd.name_changed = true"},
           client);
  const TestEvent server = socket_event(world, EVT_accept4, {.lport = 80, .rport = 50000}, {}, 6);
  all_hold({"fd.lip = 10.0.0.1", "fd.rip = 192.168.7.9", "fd.lport = 80", "fd.rport = 50000", "fd.is_server = true",
            "fd.connected = true"},
           server);
  // A non-blocking connect is under way, one that was refused is not connected either.
  const Argument there{AF_INET, 443, kThere};
  const Socket alone{.state = kClosed, .remote = kAny, .lport = 40000};
  all_hold({"fd.connected = false", "fd.name = 10.0.0.1:40000->192.168.7.9:443", "fd.sport = 443"},
           socket_event(world, EVT_connect, alone, there, -115));
  CHECK(holds("fd.connected = false", *socket_event(world, EVT_connect, alone, there, -111)));
  // Roles stay with the socket.
  const Socket old_server{.flags = SKF_SERVER, .lport = 80, .rport = 50000};
  all_hold({"fd.name = 192.168.7.9:50000->10.0.0.1:80", "fd.is_server = true", "fd.sport = 80", "fd.lport = 80",
            "fd.connected = true", "fd.name_changed = false"},
           io_event(world, EVT_recvfrom, old_server));
  // A datagram names the other end.
  const Socket udp{.type = SOCK_DGRAM,
                   .proto = kUdp,
                   .state = kClosed,
                   .flags = SKF_CLIENT | SKF_NAME_CHANGED,
                   .remote = kAny,
                   .lport = 5000};
  all_hold(
      {"fd.name = 10.0.0.1:5000->192.168.7.9:53", "fd.sip = 192.168.7.9", "fd.sport = 53", "fd.rip = 192.168.7.9",
       "fd.lport = 5000", "fd.is_server = false", "fd.name_changed = true", "fd.l4proto = udp", "fd.connected = false"},
      io_event(world, EVT_sendto, udp, {AF_INET, 53, kThere}));
  Socket asked = udp;
  asked.flags = SKF_SERVER | SKF_NAME_CHANGED;
  asked.lport = 53;
  all_hold({"fd.name = 192.168.7.9:6000->10.0.0.1:53", "fd.is_server = true", "fd.cip = 192.168.7.9", "fd.sport = 53"},
           io_event(world, EVT_recvfrom, asked, {AF_INET, 6000, kThere}));
  // Without a role there is no client and no server; the ends are there.
  Socket unknown = old_server;
  unknown.flags = 0;
  const TestEvent read = io_event(world, EVT_read, unknown);
  for (const std::string field : {"fd.is_server", "fd.cip", "fd.sip", "fd.cport", "fd.sport"})
    CHECK_MESSAGE(is_missing(field, read), field);
  all_hold({"fd.lip = 10.0.0.1", "fd.rport = 50000"}, read);
}

TEST_CASE("K10 fd.typechar and fd.type of every kind; fd.types waits for poll and select") {
  struct Known {
    FdKind kind;
    char type_char;
    std::string_view name;
  };
  for (const Known& k :
       {Known{FdKind::kFile, 'f', "file"}, Known{FdKind::kDirectory, 'd', "directory"},
        Known{FdKind::kIpv4, '4', "ipv4"}, Known{FdKind::kIpv6, '6', "ipv6"}, Known{FdKind::kUnix, 'u', "unix"},
        Known{FdKind::kPipe, 'p', "pipe"}, Known{FdKind::kEvent, 'e', "event"}, Known{FdKind::kSignal, 's', "signalfd"},
        Known{FdKind::kEventPoll, 'l', "eventpoll"}, Known{FdKind::kInotify, 'i', "inotify"},
        Known{FdKind::kTimer, 't', "timerfd"}, Known{FdKind::kNetlink, 'n', "netlink"}, Known{FdKind::kBpf, 'b', "bpf"},
        Known{FdKind::kUserfault, 'u', "userfaultfd"}, Known{FdKind::kIoUring, 'r', "io_uring"},
        Known{FdKind::kMemfd, 'm', "memfd"}, Known{FdKind::kPidfd, 'P', "pidfd"}, Known{FdKind::kUnknown, 'o', ""}}) {
    CHECK(context::fd_type_char(k.kind) == k.type_char);
    CHECK(context::fd_type_name(k.kind) == k.name);
  }
  World world;
  struct Case {
    const char* name;
    uint32_t i_mode, magic;
    const char* shown;
  };
  for (const Case& c :
       {Case{"/etc/passwd", S_IFREG | 0644, 0xef53, "f file /etc/passwd"},
        Case{"/etc", S_IFDIR | 0755, 0xef53, "d directory /etc"}, Case{"[eventfd]", 0600, kAnonMagic, "e event "},
        Case{"[signalfd]", 0600, kAnonMagic, "s signalfd "}, Case{"[eventpoll]", 0600, kAnonMagic, "l eventpoll "},
        Case{"inotify", 0600, kAnonMagic, "i inotify "}, Case{"[timerfd]", 0600, kAnonMagic, "t timerfd "},
        Case{"bpf-prog", 0600, kAnonMagic, "b bpf "}, Case{"bpf-map", 0600, kAnonMagic, "b bpf "},
        Case{"pipe:", S_IFIFO | 0600, 0x50495045, "p pipe "}, Case{"[fanotify]", 0600, kAnonMagic, "o <NA> "}}) {
    const TestEvent event = file_event(world, EVT_close, 9, c.name, c.i_mode, c.magic);
    CHECK(shown("%fd.typechar %fd.type %fd.name", event) == c.shown);
  }
  const TestEvent netlink = plain_socket_event(world, EVT_socket, {.family = AF_NETLINK, .proto = 0}, 5);
  CHECK(shown("%fd.typechar %fd.type <%fd.name>", netlink) == "n netlink <>");
  CHECK(is_missing("fd.types", netlink));
  CHECK(condition_errors("fd.types[3] = file").empty());
  // What failed has no type; its letter is a guess by the event.
  const TestEvent no_socket = event_of<ev_desc>(world, EVT_socket, [](Builder<ev_desc>& b) { b->res = b->fd = -97; });
  const TestEvent no_peer = event_of<ev_sock>(world, EVT_accept, [](Builder<ev_sock>& b) { b->res = -11; });
  const TestEvent no_pipe = event_of<ev_pair>(world, EVT_pipe, [](Builder<ev_pair>& b) { b->res = -24; });
  for (const TestEvent* event : {&no_socket, &no_peer}) CHECK(shown("%fd.typechar %fd.type", *event) == "4 <NA>");
  CHECK(shown("%fd.typechar %fd.type", no_pipe) == "p <NA>");
  // Nothing but a descriptor has a type.
  for (const std::string field : {"fd.type", "fd.typechar", "fd.name", "fd.num"})
    CHECK_MESSAGE(is_missing(field, exec_event(world)), field);
}

TEST_CASE("K12 dup: the new descriptor has the name of the old; close: of what is closed") {
  World world;
  for (uint16_t type : {EVT_dup, EVT_dup2, EVT_dup3}) {
    const TestEvent event = event_of<ev_desc>(world, type, [](Builder<ev_desc>& b) {
      b->res = b->fd = 7;
      b->a0 = 3;
      b->a1 = 7;
      set_file(b, "/etc/passwd");
    });
    all_hold({"fd.num = 7", "fd.name = /etc/passwd", "fd.type = file", "fd.filename = passwd", "fd.directory = /etc",
              "evt.arg.oldfd = <f>/etc/passwd", "evt.arg.res = <f>/etc/passwd", "evt.rawres = 7"},
             event);
  }
  const TestEvent closed = file_event(world, EVT_close, 7, "/etc/passwd");
  all_hold({"fd.num = 7", "fd.name = /etc/passwd", "fd.typechar = f", "evt.arg.fd = <f>/etc/passwd"}, closed);
  const Socket end{.flags = SKF_CLIENT, .lport = 40000, .rport = 443};
  CHECK(holds("fd.name = 10.0.0.1:40000->192.168.7.9:443", *plain_socket_event(world, EVT_close, end)));
  const TestEvent nothing = file_event(world, EVT_close, -1, "", 0, 0, -9);
  for (const std::string field : {"fd.name", "fd.num", "fd.type"}) CHECK_MESSAGE(is_missing(field, nothing), field);
  CHECK(holds("evt.res = EBADF", *nothing));
}

TEST_CASE("K24 an IPv4-mapped IPv6 address is shown as IPv4, and its socket is one; ::1 is text without brackets") {
  World world;
  const Socket v4in6{
      .family = AF_INET6, .local = mapped(10, 0, 0, 1), .remote = mapped(192, 168, 7, 9), .lport = 40000, .rport = 443};
  all_hold({"fd.name = 10.0.0.1:40000->192.168.7.9:443", "fd.typechar = 4", "fd.type = ipv4", "fd.sip = 192.168.7.9",
            "fd.cip = 10.0.0.1", "fd.snet = 192.168.0.0/16", "evt.arg.fd = <4t>10.0.0.1:40000->192.168.7.9:443"},
           socket_event(world, EVT_connect, v4in6));
  const Socket v6{.family = AF_INET6, .local = kLoopback6, .remote = kLoopback6, .lport = 40000, .rport = 443};
  const TestEvent event = socket_event(world, EVT_connect, v6);
  all_hold({"fd.name = ::1:40000->::1:443", "fd.typechar = 6", "fd.type = ipv6", "fd.sip = ::1",
            "evt.arg.tuple = ::1:40000->::1:443"},
           event);
  CHECK(shown("%fd.cip %fd.sip", event) == "::1 ::1");
}

TEST_CASE("K25 pidfd, memfd, io_uring and userfaultfd: what they are and how they are named") {
  constexpr uint32_t kPidfsMagic = 0x50494446;
  World world;
  CHECK(context::fd_kind(0600, kAnonMagic, "[pidfd]") == FdKind::kPidfd);
  CHECK(context::fd_kind(S_IFREG | 0600, kPidfsMagic, "") == FdKind::kPidfd);
  CHECK(context::fd_kind(0600, kAnonMagic, "[io_uring]") == FdKind::kIoUring);
  CHECK(context::fd_kind(0600, kAnonMagic, "[userfaultfd]") == FdKind::kUserfault);
  CHECK(context::fd_kind(S_IFREG | 0777, kTmpfsMagic, "memfd:payload") == FdKind::kMemfd);
  const std::string_view format = "%evt.type %fd.num %fd.typechar %fd.type <%fd.name>";
  CHECK(shown(format, file_event(world, EVT_pidfd_open, 5, "[pidfd]", 0600, kAnonMagic, 5)) ==
        "pidfd_open 5 P pidfd <>");
  CHECK(shown(format, file_event(world, EVT_pidfd_open, 5, "", S_IFREG | 0600, kPidfsMagic, 5)) ==
        "pidfd_open 5 P pidfd <>");
  CHECK(shown(format, file_event(world, EVT_memfd_create, 6, "memfd:payload", S_IFREG | 0777, kTmpfsMagic, 6)) ==
        "memfd_create 6 m memfd <payload>");
  CHECK(shown(format, file_event(world, EVT_userfaultfd, 7, "[userfaultfd]", 0600, kAnonMagic, 7)) ==
        "userfaultfd 7 u userfaultfd <>");
  const TestEvent ring = event_of<ev_io_uring>(world, EVT_io_uring_setup, [](Builder<ev_io_uring>& b) {
    b->res = 8;
    set_file(b, "[io_uring]", 0600, kAnonMagic);
  });
  CHECK(shown(format, ring) == "io_uring_setup 8 r io_uring <>");
  // A descriptor of another process, had through a pidfd, is what it is.
  CHECK(shown(format, file_event(world, EVT_pidfd_getfd, 9, "/etc/shadow", S_IFREG | 0600, 0xef53, 9)) ==
        "pidfd_getfd 9 f file </etc/shadow>");
}
