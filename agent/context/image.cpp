#include "agent/context/image.h"

#include <cstring>

#include <fmt/core.h>

#include "decoders/address.h"

namespace tiercel::context {

void set_argv(Image& image, std::string_view bytes) {
  image.argv.clear();
  image.args.clear();
  if (!bytes.empty() && bytes.back() == '\0')
    bytes.remove_suffix(1);
  else if (bytes.empty())
    return;
  for (;;) {
    const size_t end = bytes.find('\0');
    image.argv.emplace_back(bytes.substr(0, end));
    if (image.argv.size() > 1) {
      if (image.argv.size() > 2) image.args += ' ';
      image.args += image.argv.back();
    }
    if (end == std::string_view::npos) return;
    bytes.remove_prefix(end + 1);
  }
}

std::string_view without_deleted(std::string_view path) {
  constexpr std::string_view kDeleted = " (deleted)";
  if (path.ends_with(kDeleted)) path.remove_suffix(kDeleted.size());
  return path;
}

std::string comm_of(const ev_head& head) {
  return {head.comm, ::strnlen(head.comm, sizeof head.comm)};
}

namespace {

Stdio make_stdio(const decoders::Record& record, const stdio_part& part) {
  Stdio out;
  out.ino = part.any_ino;
  const std::string_view name = record.text(part.any_name);
  if (part.any_family == 0) {
    out.kind = fd_kind(part.any_mode, part.any_magic, name);
    out.name = fd_name_of(out.kind, part.any_ino, part.any_magic, name);
    return out;
  }
  out.kind = socket_kind(part.any_family, is_mapped(part.any_raddr));
  if (part.any_family == decoders::kAfInet || part.any_family == decoders::kAfInet6) {
    std::string local = fmt::format("{}:{}", decoders::address_text(part.any_family, part.any_laddr), part.any_lport);
    std::string remote = fmt::format("{}:{}", decoders::address_text(part.any_family, part.any_raddr), part.any_rport);
    if (part.any_flags & SKF_SERVER) std::swap(local, remote);
    out.name = part.any_rport == 0 ? (part.any_lport == 0 ? "" : local) : local + "->" + remote;
  } else {
    out.name = part.any_peer == 0
                   ? std::string(name)
                   : fmt::format("{:x}->{:x}{}{}", part.any_source, part.any_peer, name.empty() ? "" : " ", name);
  }
  return out;
}

const stdio_part& stdio_at(const __u64& first) {
  return *reinterpret_cast<const stdio_part*>(&first);
}

}  // namespace

std::shared_ptr<Image> make_image(const decoders::Record& record, const ev_exec& exec) {
  auto image = std::make_shared<Image>();
  image->exec_id = exec.head.exec_id;
  image->exec_time_ns = exec.head.time_ns;
  image->comm = comm_of(exec.head);
  image->exepath = without_deleted(record.text(exec.exepath));
  image->filename = record.text(exec.filename);
  image->interp = record.text(exec.interp);
  image->stdio = {make_stdio(record, stdio_at(exec.stdin_ino)), make_stdio(record, stdio_at(exec.stdout_ino)),
                  make_stdio(record, stdio_at(exec.stderr_ino))};
  image->env = record.text(exec.env);
  image->argv_size = exec.argv_size;
  image->argv_cut = exec.argv_size > exec.argv.len;
  image->exe_ino = exec.exe_ino;
  image->exe_ino_ctime = exec.exe_ino_ctime;
  image->exe_ino_mtime = exec.exe_ino_mtime;
  image->exe_dev = exec.exe_dev;
  image->exe_flags = exec.flags;
  const std::string_view argv = record.text(exec.argv);
  if (image->argv_cut && argv.size() == TIERCEL_ARGV_WHOLE_MAX) {
    // Head and tail of a long command line: what lies between is named, so that nobody takes them for neighbours.
    std::string joined(argv.substr(0, TIERCEL_ARGV_HEAD));
    joined += "[..." + std::to_string(exec.argv_size - TIERCEL_ARGV_WHOLE_MAX) + " bytes cut...]";
    joined += argv.substr(TIERCEL_ARGV_HEAD);
    set_argv(*image, joined);
  } else {
    set_argv(*image, argv);
  }
  return image;
}

}  // namespace tiercel::context
