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

const Process* Event::ancestor(size_t n) const {
  Process* at = process_.get();
  for (size_t i = 0; i < n && at; ++i) {
    auto parent = ProcessTable::parent_of(*at, table_);
    if (parent.get() == at) return nullptr;
    at = parent.get();  // kept alive by the child's own pointer
  }
  return at;
}

const Process* Event::by_pid(uint32_t pid) const {
  auto found = table_.by_pid(pid);
  return found ? table_.find(found->key).get() : nullptr;
}

std::optional<int64_t> Event::result() const {
  if (const auto* fork = record_.as<ev_fork>()) return child_side_ ? 0 : fork->res;
  for (std::string_view param : info_->params) {
    if (param != "res" && param != "fd") continue;
    if (const auto* field = decoders::field_of(*info_->record, param)) return record_.number(*field);
  }
  return std::nullopt;
}

uint32_t Event::tid() const {
  const auto* fork = record_.as<ev_fork>();
  return child_side_ && fork ? fork->child_tid : head().tid;
}

std::optional<std::string_view> Event::path_raw() const {
  if (const auto* open = record_.as<ev_open>()) return record_.text(open->name);
  if (const auto* mount = record_.as<ev_mount>()) return record_.text(mount->dir);
  // fchdir's record is the same and has no path
  if (const auto* chdir = record_.as<ev_chdir>(); chdir && chdir->path.len > 0) return record_.text(chdir->path);
  return std::nullopt;
}

std::optional<std::string_view> Event::path(PathView view) const {
  const auto* open = record_.as<ev_open>();
  const auto* chdir = record_.as<ev_chdir>();
  const auto raw = path_raw();
  if (!raw) return std::nullopt;
  const bool moved = chdir && chdir->res >= 0 && chdir->cwd.len > 0;
  if (view == PathView::kKernel) {
    if (moved) return record_.text(chdir->cwd);
    if (!open || open->realpath.len == 0) return std::nullopt;
    return record_.text(open->realpath);
  }
  // A chdir that worked has left the directory that its path was relative to.
  if (moved && !raw->starts_with('/')) return record_.text(chdir->cwd);
  if (!lexical_path_) {
    const auto* mount = record_.as<ev_mount>();
    if (is_clean(*raw)) {
      lexical_path_ = *raw;
    } else {
      made_path_ = absolute(*raw, record_.text(open ? open->base : mount ? mount->base : chdir->cwd));
      lexical_path_ = made_path_;
    }
  }
  return lexical_path_;
}

bool Event::has_two_paths() const {
  auto kernel = path(PathView::kKernel);
  return kernel && *kernel != *path(PathView::kLexical);
}

std::string Event::absolute(std::string_view raw, std::string_view base) const {
  return absolute_path(base, raw);
}

std::optional<Event::Endpoints> Event::endpoints() const {
  const auto* sock = record_.as<ev_sock>();
  if (!sock || (sock->family != kAfInet && sock->family != kAfInet6)) return std::nullopt;
  Endpoints ends;
  ends.l4proto = sock->l4proto;
  const std::string local = address_text(sock->family, sock->laddr);
  ends.is_v6 = local.find(':') != std::string::npos;
  if (info_->type == EVT_bind || sock->state == kTcpListen) {
    // bind's own argument, since a failed bind leaves nothing in the socket
    const bool from_argument = sock->lport == 0 && sock->afamily != 0;
    ends.server_ip = from_argument ? address_text(sock->afamily, sock->aaddr) : local;
    ends.server_port = from_argument ? sock->aport : sock->lport;
    ends.local_is_server = true;
    return ends;
  }
  // A connect that failed leaves no peer in the socket: the argument names it.
  const bool from_argument = sock->rport == 0 && (sock->afamily == kAfInet || sock->afamily == kAfInet6);
  const std::string remote =
      from_argument ? address_text(sock->afamily, sock->aaddr) : address_text(sock->family, sock->raddr);
  const uint16_t remote_port = from_argument ? sock->aport : sock->rport;
  ends.local_is_server = info_->type == EVT_accept || info_->type == EVT_accept4;
  ends.client_ip = ends.local_is_server ? remote : local;
  ends.client_port = ends.local_is_server ? remote_port : sock->lport;
  ends.server_ip = ends.local_is_server ? local : remote;
  ends.server_port = ends.local_is_server ? sock->lport : remote_port;
  return ends;
}

std::string Event::socket_name(const ev_sock& sock) const {
  if (sock.family == kAfUnix) {
    const std::string path(record_.text(sock.path));
    if (info_->type == EVT_bind || sock.peer == 0) return path;
    return fmt::format("{:x}->{:x} {}", sock.source, sock.peer, path);
  }
  const auto ends = endpoints();
  if (!ends) return {};
  const std::string server = fmt::format("{}:{}", ends->server_ip, ends->server_port);
  return ends->client_ip.empty() ? server : fmt::format("{}:{}->{}", ends->client_ip, ends->client_port, server);
}

}  // namespace tiercel::context
