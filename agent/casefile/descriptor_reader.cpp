#include "agent/casefile/descriptor_reader.h"

#include <linux/magic.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <charconv>
#include <optional>

namespace tiercel::casefile {
namespace {

using decoders::ComposeError;

constexpr uint32_t kPipefsMagic = 0x50495045;  // linux/magic.h of some distributions does not have it
constexpr uint64_t kFirstSocket = 0xffff888100000000;
constexpr const char* kForms =
    "a path, pipe, fifo PATH, socket LOCAL->REMOTE, unix [PATH], memfd NAME, netlink, eventfd, closed; a number in "
    "brackets is its inode: pipe:[4711]";

struct Anonymous {
  std::string_view word, name;
};
constexpr Anonymous kAnonymous[] = {
    {"eventfd", "[eventfd]"}, {"signalfd", "[signalfd]"}, {"eventpoll", "[eventpoll]"},    {"inotify", "inotify"},
    {"timerfd", "[timerfd]"}, {"io_uring", "[io_uring]"}, {"userfaultfd", "[userfaultfd]"}};

tl::unexpected<ComposeError> refuse(std::string message) {
  return tl::unexpected<ComposeError>({std::move(message), kForms});
}

// 31 bits that depend on the text only.
uint64_t made_inode(std::string_view text, unsigned number) {
  uint64_t hash = 0xcbf29ce484222325ull + number;
  for (char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  return (hash >> 33) + 1;
}

bool is_device(std::string_view path) {
  return path.starts_with("/dev/") && !path.starts_with("/dev/shm/");
}

decoders::Composed<> read_ends(std::string_view text, DescriptorSpec& out) {
  out.mode = S_IFSOCK | 0777;
  out.magic = SOCKFS_MAGIC;
  out.family = AF_INET;
  if (text.empty()) return {};
  const size_t arrow = text.find("->");
  const bool connected = arrow != std::string_view::npos;
  auto local = decoders::parse_end(text.substr(0, arrow));
  if (!local) return tl::unexpected(local.error());
  out.local = *local;
  out.family = local->family;
  if (!connected) return {};
  auto remote = decoders::parse_end(text.substr(arrow + 2));
  if (!remote) return tl::unexpected(remote.error());
  if (remote->family != local->family) return refuse("its two ends are of different families");
  out.remote = *remote;
  return {};
}

void read_path(std::string_view path, DescriptorSpec& out) {
  const bool directory = path.size() > 1 && path.ends_with('/');
  out.mode = directory ? S_IFDIR | 0755 : is_device(path) ? S_IFCHR | 0620 : S_IFREG | 0644;
  out.magic = is_device(path) ? TMPFS_MAGIC : EXT4_SUPER_MAGIC;
  out.name = directory ? path.substr(0, path.size() - 1) : path;
}

}  // namespace

decoders::Composed<DescriptorSpec> parse_descriptor(std::string_view text, unsigned number) {
  DescriptorSpec out;
  if (text == "closed") return out;
  out.ino = made_inode(text, text == "pipe" ? number + 1 : 0);
  const std::string_view whole = text;
  if (const size_t at = text.find(":[");
      at != std::string_view::npos && text.ends_with(']') && !text.starts_with('/')) {
    const std::string_view digits = text.substr(at + 2, text.size() - at - 3);
    uint64_t ino = 0;
    const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), ino);
    if (code == std::errc() && end == digits.data() + digits.size() && ino != 0) {  // else it may be an IPv6 address
      out.ino = ino;
      text = text.substr(0, at);
    }
  }
  if (text.starts_with('/')) {
    read_path(text, out);
    return out;
  }
  const size_t blank = text.find(' ');
  const std::string_view word = text.substr(0, blank);
  const std::string_view rest = blank == std::string_view::npos ? std::string_view() : text.substr(blank + 1);
  const bool path = rest.starts_with('/') || rest.starts_with('@');
  if (word == "socket") {
    if (auto done = read_ends(rest, out); !done) return tl::unexpected(done.error());
  } else if (word == "unix" && (rest.empty() || path)) {
    out.mode = S_IFSOCK | 0777;
    out.magic = SOCKFS_MAGIC;
    out.family = AF_UNIX;
    out.source = kFirstSocket + out.ino * 64;
    out.peer = out.source + 64;
    out.name = rest;
  } else if (word == "fifo" && rest.starts_with('/')) {
    read_path(rest, out);
    out.mode = S_IFIFO | 0644;
  } else if (word == "memfd" && !rest.empty()) {
    out.mode = S_IFREG | 0777;
    out.magic = TMPFS_MAGIC;
    out.name = "memfd:" + std::string(rest);
  } else if (word == "pipe" && rest.empty()) {
    out.mode = S_IFIFO | 0600;
    out.magic = kPipefsMagic;
  } else if (word == "netlink" && rest.empty()) {
    out.mode = S_IFSOCK | 0777;
    out.magic = SOCKFS_MAGIC;
    out.family = AF_NETLINK;
  } else {
    for (const Anonymous& known : kAnonymous) {
      if (word != known.word || !rest.empty()) continue;
      out.mode = S_IRUSR | S_IWUSR;
      out.magic = ANON_INODE_FS_MAGIC;
      out.name = known.name;
    }
    if (out.magic == 0) return refuse("'" + std::string(whole) + "' is no descriptor");
  }
  return out;
}

}  // namespace tiercel::casefile
