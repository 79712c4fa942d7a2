#include "agent/context/event.h"

#include <fmt/core.h>

#include "agent/context/path.h"
#include "decoders/address.h"

namespace tiercel::context {
namespace {

using decoders::address_text;
using decoders::kAfInet;
using decoders::kAfInet6;
using decoders::kAfUnix;

constexpr uint16_t kTcpListen = 10;  // include/net/tcp_states.h

}  // namespace

Process* Event::parent_of(Process& process) const {
  // An end may be told before what a child did a moment earlier (sensor/merge.h); then it still had its parent.
  const bool still_there = process.parent && process.parent->exit_time_ns > head().time_ns;
  Process* parent = still_there ? process.parent.get() : ProcessTable::parent_of(process, table_).get();
  return parent == &process ? nullptr : parent;  // kept alive by the child's own pointer
}

const Process* Event::ancestor(size_t n) const {
  Process* at = process_.get();
  for (size_t i = 0; i < n && at; ++i) at = parent_of(*at);
  return at;
}

const Process* Event::by_pid(uint32_t pid) const {
  auto found = table_.by_pid(pid);
  return found ? table_.find(found->key).get() : nullptr;
}

const User* Event::user(uint32_t uid) const {
  if (!container()) return users_.user(uid);
  if (const User* said = users_.announced_user(uid)) return said;
  return table_.containers().user(*process_->container, uid);
}

const std::string* Event::group(uint32_t gid) const {
  if (!container()) return users_.group(gid);
  if (const std::string* said = users_.announced_group(gid)) return said;
  return table_.containers().group(*process_->container, gid);
}

std::optional<int64_t> Event::result() const {
  if (const auto* fork = record_.as<ev_fork>()) return child_side_ ? 0 : fork->res;
  for (const decoders::ParamInfo& param : info_->params)
    if (param.field && (param.name == "res" || param.name == "fd")) return record_.number(*param.field);
  return std::nullopt;
}

const Process* Event::by_vpid(uint32_t vpid) const {
  auto found = table_.by_vpid(process_->ns.pid, vpid);
  return found ? table_.find(found->key).get() : nullptr;
}

uint32_t Event::tid() const {
  const auto* fork = record_.as<ev_fork>();
  return child_side_ && fork ? fork->child_tid : head().tid;
}

namespace {

struct PathArgument {
  std::string_view raw, base, kernel;
};

// The event's one path argument; nothing when it has none.
std::optional<PathArgument> path_argument(const decoders::Record& record) {
  if (const auto* open = record.as<ev_open>())
    return PathArgument{record.text(open->name), record.text(open->base), record.text(open->realpath)};
  if (const auto* path = record.as<ev_path>())
    return PathArgument{record.text(path->name), record.text(path->base), {}};
  if (const auto* mount = record.as<ev_mount>())
    return PathArgument{record.text(mount->dir), record.text(mount->base), record.text(mount->realpath)};
  // fchdir's record is the same and has no path. A chdir that worked has left what its path was relative to.
  if (const auto* chdir = record.as<ev_chdir>(); chdir && chdir->path.len > 0)
    return PathArgument{record.text(chdir->path), record.text(chdir->cwd),
                        chdir->res >= 0 ? record.text(chdir->cwd) : std::string_view()};
  return std::nullopt;
}

}  // namespace

std::optional<std::string_view> Event::path_raw() const {
  const auto argument = path_argument(record_);
  if (!argument) return std::nullopt;
  // a handle instead of a path: the kernel's is the only one
  if (info_->type == EVT_open_by_handle_at) return argument->kernel;
  return argument->raw;
}

std::optional<std::string_view> Event::path(PathView view) const {
  const auto argument = path_argument(record_);
  if (!argument) return std::nullopt;
  if (view == PathView::kKernel || info_->type == EVT_open_by_handle_at)
    return argument->kernel.empty() ? std::nullopt : std::optional(argument->kernel);
  if (info_->type == EVT_chdir && !argument->kernel.empty() && !argument->raw.starts_with('/')) return argument->kernel;
  if (!lexical_path_) {
    if (is_clean(argument->raw)) {
      lexical_path_ = argument->raw;
    } else {
      made_path_ = absolute(argument->raw, argument->base);
      lexical_path_ = made_path_;
    }
  }
  return lexical_path_;
}

std::optional<uint32_t> Event::vtid() const {
  if (const auto* exec = record_.as<ev_exec>()) return exec->vtid;
  if (const auto* fork = record_.as<ev_fork>(); fork && child_side_) return fork->child_vtid;
  if (tid() != process_->key.pid) return std::nullopt;
  return process_->vpid;
}

std::optional<Event::TwoPaths> Event::two_paths() const {
  const auto* paths = record_.as<ev_paths>();
  if (!paths) return std::nullopt;
  return TwoPaths{record_.text(paths->first), record_.text(paths->base), record_.text(paths->second),
                  record_.text(paths->base2)};
}

bool Event::has_two_paths() const {
  auto kernel = path(PathView::kKernel);
  return kernel && info_->type != EVT_open_by_handle_at && *kernel != *path(PathView::kLexical);
}

std::string Event::absolute(std::string_view raw, std::string_view base) const {
  // told at its exit alone, when the kernel has moved the directory along with the root (bpf/hooks/descriptor.bpf.c)
  if (base.empty() && info_->type == EVT_pivot_root) base = process_->cwd;
  return absolute_path(base, raw);
}

namespace {

// Which number the record's descriptor has; -1: none.
int64_t descriptor_number(const decoders::Record& record) {
  const decoders::EventInfo& info = record.info();
  if (const auto* open = record.as<ev_open>()) return open->fd;
  if (const auto* sock = record.as<ev_sock>()) return info.flags & decoders::EF_CREATES_FD ? sock->res : sock->fd;
  if (const auto* desc = record.as<ev_desc>()) return desc->fd;
  if (const auto* pair = record.as<ev_pair>()) return pair->res == 0 ? pair->fd1 : -1;
  if (const auto* io = record.as<ev_io>()) return io->fd;
  if (const auto* memory = record.as<ev_memory>()) return memory->fd;
  if (const auto* ring = record.as<ev_io_uring>()) return ring->res;
  if (const auto* chdir = record.as<ev_chdir>()) return chdir->fd;
  if (const auto* path = record.as<ev_path>()) return path->dirfd;
  if (const auto* paths = record.as<ev_paths>()) return paths->dirfd2;
  return -1;
}

FdKind kind_of_socket(const sock_part& sock, const addr_part* argument) {
  const uint16_t family = sock.family != 0 || !argument ? sock.family : argument->afamily;
  const bool to_mapped = argument && sock.rport == 0 && argument->afamily == kAfInet6 && is_mapped(argument->aaddr);
  return socket_kind(family, is_mapped(sock.raddr) || to_mapped);
}

}  // namespace

const std::optional<Event::Descriptor>& Event::descriptor() const {
  if (!descriptor_known_) descriptor_ = find_descriptor();
  descriptor_known_ = true;
  return descriptor_;
}

std::optional<Event::Descriptor> Event::find_descriptor() const {
  if (!(info_->flags & (decoders::EF_CREATES_FD | decoders::EF_USES_FD))) return std::nullopt;
  Descriptor out;
  out.num = descriptor_number(record_);
  out.file = record_.file();
  const sock_part* sock = record_.socket();
  const auto* argument = record_.address();
  if (sock && (sock->family != 0 || (argument && argument->afamily != 0))) {
    out.sock = sock;
    out.kind = kind_of_socket(*sock, argument);
  } else if (out.file && out.file->fd_flags & FDF_FILE) {
    out.kind = fd_kind(out.file->i_mode, out.file->magic, record_.text(out.file->realpath));
  }
  if (out.kind == FdKind::kNone && !record_.as<ev_open>()) out.num = -1;
  if (out.num < 0) out.num = -1;
  return out;
}

std::string Event::descriptor_name(const Descriptor& descriptor) const {
  if (!descriptor.file) return {};
  return fd_name_of(descriptor.kind, descriptor.file->ino, descriptor.file->magic,
                    record_.text(descriptor.file->realpath));
}

std::optional<Event::Ends> Event::ends() const {
  const sock_part* sock = record_.socket();
  if (!sock || (sock->family != kAfInet && sock->family != kAfInet6)) return std::nullopt;
  const addr_part* argument = record_.address();
  const bool has_argument = argument && (argument->afamily == kAfInet || argument->afamily == kAfInet6);
  const End given = has_argument ? End{argument->afamily, argument->aport, argument->aaddr} : End{};
  Ends out;
  out.l4proto = sock->l4proto;
  out.local = {sock->family, sock->lport, sock->laddr};
  if (info_->type == EVT_bind) {
    // bind's own argument, since a failed bind leaves nothing in the socket
    if (sock->lport == 0 && has_argument) out.local = given;
    out.local_is_server = true;
    // who asks for no port is given one, and is no server yet
    const uint16_t asked = has_argument ? given.port : sock->lport;
    out.has_role = asked != 0 && record_.as<ev_sock>()->res == 0;
    return out;
  }
  if (sock->state == kTcpListen) {
    out.local_is_server = out.has_role = true;
    return out;
  }
  // A connect that failed leaves no peer in the socket: the argument names it, as that of a datagram does.
  if (sock->rport != 0)
    out.remote = {sock->family, sock->rport, sock->raddr};
  else if (has_argument)
    out.remote = given;
  const bool accepted = info_->type == EVT_accept || info_->type == EVT_accept4;
  out.local_is_server = accepted || (sock->sk_flags & SKF_SERVER) != 0;
  out.has_role = accepted || info_->type == EVT_connect || (sock->sk_flags & (SKF_CLIENT | SKF_SERVER)) != 0;
  return out;
}

std::string Event::socket_name() const {
  const sock_part* sock = record_.socket();
  if (!sock) return {};
  if (sock->family == kAfUnix) {
    const std::string path(record_.text(sock->path));
    if (info_->type == EVT_bind || sock->peer == 0) return path;
    return fmt::format("{:x}->{:x}{}{}", sock->source, sock->peer, path.empty() ? "" : " ", path);
  }
  const auto both = ends();
  if (!both) return {};
  auto text = [](const End& end) { return fmt::format("{}:{}", address_text(end.family, end.address), end.port); };
  if (both->remote.family == 0) return both->local.port == 0 && info_->type != EVT_bind ? "" : text(both->local);
  return text(both->client()) + "->" + text(both->server());
}

}  // namespace tiercel::context
