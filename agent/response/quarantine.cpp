// A file is moved into a folder of ours: copied without a right to run it, recorded, then taken away from where it was.
// Every path is walked below the root that the process had, without following a link, so that nobody can lead us to
// another file; what is taken away is the file that was copied, by device and inode.
#include <fcntl.h>
#include <fmt/core.h>
#include <linux/openat2.h>
#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>

#include "agent/base/clock.h"
#include "agent/response/deeds.h"
#include "agent/response/members.h"

namespace tiercel::response {
namespace {

constexpr off_t kFileBytesMax = off_t{512} << 20;
constexpr size_t kRecordBytesMax = 64 * 1024;

struct Place {
  Fd root, folder;  // folder: O_PATH, below root
  std::string name;
};

struct Record {
  std::string path, container_id;
  uint64_t mode = 0, uid = 0, gid = 0, size = 0, atime_ns = 0, mtime_ns = 0, ino = 0, dev = 0, moved_ns = 0;
  std::string rule, alert_id;
};

Result<Fd> open_root(int32_t pid) {
  Fd root(::open(fmt::format("/proc/{}/root", pid).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root.valid()) return fail_errno("cannot open the root of process " + std::to_string(pid), errno);
  return root;
}

Result<Fd> open_host_root() {
  if (auto root = open_root(1)) return root;
  Fd own(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!own.valid()) return fail_errno("cannot open /", errno);
  return own;
}

Result<Place> find_place(Fd root, const std::string& path) {
  const size_t slash = path.rfind('/');
  if (path.size() < 2 || path.front() != '/' || slash + 1 == path.size()) return fail("it is no file's absolute path");
  Place place;
  place.name = path.substr(slash + 1);
  if (place.name == "." || place.name == "..") return fail("it is no file's absolute path");
  open_how how{};
  how.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS;
  const std::string folder = slash == 0 ? "/" : path.substr(0, slash);
  place.folder.reset(static_cast<int>(::syscall(SYS_openat2, root.get(), folder.c_str(), &how, sizeof how)));
  if (!place.folder.valid()) return fail_errno("cannot open the folder of " + path, errno);
  place.root = std::move(root);
  return place;
}

uint64_t ns_of(const timespec& time) {
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
}

timespec time_of(uint64_t ns) {
  return {static_cast<time_t>(ns / 1'000'000'000), static_cast<long>(ns % 1'000'000'000)};
}

Result<> copy(const Fd& from, const Fd& to) {
  std::array<char, 65'536> chunk;
  off_t copied = 0;
  for (;;) {
    const ssize_t n = ::read(from.get(), chunk.data(), chunk.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno("cannot read the file", errno);
    if (n == 0) break;
    if ((copied += n) > kFileBytesMax) return fail("the file grows while it is copied");
    if (auto written = write_all(to.get(), chunk.data(), static_cast<size_t>(n)); !written) return written;
  }
  if (::fsync(to.get()) != 0) return fail_errno("cannot write the copy", errno);
  return {};
}

std::string record_text(const Record& record) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  auto text = [&writer](const char* key, const std::string& value) {
    writer.Key(key);
    writer.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
  };
  auto number = [&writer](const char* key, uint64_t value) {
    writer.Key(key);
    writer.Uint64(value);
  };
  writer.StartObject();
  text("path", record.path);
  text("container_id", record.container_id);
  number("mode", record.mode);
  number("uid", record.uid);
  number("gid", record.gid);
  number("size_bytes", record.size);
  number("atime_ns", record.atime_ns);
  number("mtime_ns", record.mtime_ns);
  number("dev", record.dev);
  number("ino", record.ino);
  number("moved_ns", record.moved_ns);
  text("response", record.rule);
  text("alert_id", record.alert_id);
  writer.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

Result<Record> read_record(const std::string& folder) {
  auto text = read_file(folder + "/record.json", kRecordBytesMax);
  if (!text) return tl::unexpected(text.error());
  rapidjson::Document document;
  document.Parse<rapidjson::kParseIterativeFlag>(text->data(), text->size());
  if (document.HasParseError() || !document.IsObject()) return fail(folder + "/record.json cannot be read");
  auto text_at = [&](const char* key) {
    const auto found = document.FindMember(key);
    return found != document.MemberEnd() && found->value.IsString() ? std::string(found->value.GetString()) : "";
  };
  auto number_at = [&](const char* key) {
    const auto found = document.FindMember(key);
    return found != document.MemberEnd() && found->value.IsUint64() ? found->value.GetUint64() : 0;
  };
  Record record;
  record.path = text_at("path");
  record.container_id = text_at("container_id");
  record.mode = number_at("mode");
  record.uid = number_at("uid");
  record.gid = number_at("gid");
  record.atime_ns = number_at("atime_ns");
  record.mtime_ns = number_at("mtime_ns");
  return record;
}

bool is_same(const struct stat& one, const struct stat& other) {
  return one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

// Out of its folder under a name of ours first: what is removed then is looked at, not what may have come since.
Result<> take_away(const Place& place, const struct stat& wanted) {
  const std::string aside = fmt::format(".tiercel-{:x}", SystemClock().monotonic_ns());
  if (::renameat2(place.folder.get(), place.name.c_str(), place.folder.get(), aside.c_str(), RENAME_NOREPLACE) != 0)
    return fail_errno("cannot take the file away", errno);
  struct stat st {};
  if (::fstatat(place.folder.get(), aside.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0 || !is_same(st, wanted)) {
    (void)::renameat2(place.folder.get(), aside.c_str(), place.folder.get(), place.name.c_str(), RENAME_NOREPLACE);
    return fail("another file came to its place meanwhile");
  }
  if (::unlinkat(place.folder.get(), aside.c_str(), 0) != 0) return fail_errno("cannot take the file away", errno);
  return {};
}

Result<> has_room(const std::string& folder, off_t size) {
  struct statvfs fs {};
  if (::statvfs(folder.c_str(), &fs) != 0) return fail_errno("cannot look at " + folder, errno);
  const uint64_t free = static_cast<uint64_t>(fs.f_bavail) * fs.f_frsize,
                 all = static_cast<uint64_t>(fs.f_blocks) * fs.f_frsize;
  if (size > kFileBytesMax)
    return fail(fmt::format("it has {} bytes, more than the {} that are kept", size, kFileBytesMax));
  if (free < static_cast<uint64_t>(size) + all / 20) return fail("no room for it in " + folder);
  return {};
}

// The root to walk from: the process's while it lives; else, by identity, any of the container's processes; the host's.
Result<Fd> root_for(const Order& order, const DeedContext& context, struct stat& program, bool& has_program) {
  Deed deed;
  const auto held = hold_process(order.pid, order.start_ns, context.start_time_of, context.why(), deed);
  if (held) {
    auto root = open_root(held->pid);
    has_program = ::stat(fmt::format("/proc/{}/exe", held->pid).c_str(), &program) == 0;
    if (root && !has_ended(held->pidfd)) return root;
    has_program = false;
  } else if (deed.reason.find("ended already") == std::string::npos &&
             deed.reason.find("another one") == std::string::npos) {
    return fail(deed.reason);
  }
  if (order.container_id.empty()) return open_host_root();
  const std::vector<int32_t> members = container_members(order, context, deed);
  if (members.empty()) return fail(deed.reason);
  return open_root(members.front());
}

}  // namespace

Deed quarantine(const Order& order, const DeedContext& context) {
  const std::string& path = order.file.path;
  if (path.empty()) return refused("the event names no file");
  if (order.container_id.empty())
    if (const std::string why = context.protection.why_file(path); !why.empty()) return refused(path + ": " + why);
  struct stat program {};
  bool has_program = false;
  auto root = root_for(order, context, program, has_program);
  if (!root) return refused(root.error().message);
  auto place = find_place(std::move(*root), path);
  if (!place) return refused(place.error().message);
  const Fd file(
      ::openat(place->folder.get(), place->name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
  struct stat st {};
  if (!file.valid() || ::fstat(file.get(), &st) != 0)
    return refused(fail_errno("cannot open " + path, errno).value().message);
  if (!S_ISREG(st.st_mode)) return refused(path + " is no regular file");
  const bool other =
      order.file.is_program && has_program ? !is_same(st, program) : order.file.ino != 0 && order.file.ino != st.st_ino;
  if (other) return refused(path + " is another file now");
  if (!context.go()) return done("would move " + path + " away");
  if (auto room = has_room(context.quarantine_folder, st.st_size); !room) return failed(room.error().message);
  const uint64_t now_ns = SystemClock().realtime_ns();
  Undo undo;
  undo.act = Act::kQuarantine;
  undo.folder = fmt::format("{}/{:x}-{}", context.quarantine_folder, now_ns, order.pid);
  if (::mkdir(undo.folder.c_str(), 0700) != 0)
    return failed(fail_errno("cannot make " + undo.folder, errno).value().message);
  const Record record{path,
                      order.container_id,
                      st.st_mode & 07777u,
                      st.st_uid,
                      st.st_gid,
                      static_cast<uint64_t>(st.st_size),
                      ns_of(st.st_atim),
                      ns_of(st.st_mtim),
                      st.st_ino,
                      st.st_dev,
                      now_ns,
                      order.response,
                      order.alert->id};
  const Fd kept(::open((undo.folder + "/file").c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  Result<> good = kept.valid() ? copy(file, kept) : Result<>(fail_errno("cannot make the copy", errno));
  if (good) good = write_file_atomically(undo.folder + "/record.json", record_text(record), 0600);
  if (good) good = context.keep(undo);
  if (good) good = take_away(*place, st);
  if (!good) {
    for (const char* name : {"/file", "/record.json"}) ::unlink((undo.folder + name).c_str());
    ::rmdir(undo.folder.c_str());
    return failed(good.error().message);
  }
  context.acted();
  return done(fmt::format("moved {} to {}", path, undo.folder));
}

Deed undo_quarantine(const Undo& undo, const DeedContext& context) {
  const auto record = read_record(undo.folder);
  if (!record) return failed(record.error().message);
  Order order;
  order.container_id = record->container_id;
  Deed deed;
  const bool of_host = record->container_id.empty();
  const std::vector<int32_t> members = of_host ? std::vector<int32_t>() : container_members(order, context, deed);
  if (!of_host && members.empty()) return refused(fmt::format("{}; the file stays in {}", deed.reason, undo.folder));
  auto root = of_host ? open_host_root() : open_root(members.front());
  if (!root) return failed(root.error().message);
  auto place = find_place(std::move(*root), record->path);
  if (!place) return failed(place.error().message);
  const Fd kept(::open((undo.folder + "/file").c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!kept.valid()) return failed(fail_errno("cannot open " + undo.folder + "/file", errno).value().message);
  const Fd file(
      ::openat(place->folder.get(), place->name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file.valid()) return failed(fail_errno("cannot put " + record->path + " back", errno).value().message);
  const timespec times[2] = {time_of(record->atime_ns), time_of(record->mtime_ns)};
  Result<> good = copy(kept, file);
  if (good && ::fchown(file.get(), static_cast<uid_t>(record->uid), static_cast<gid_t>(record->gid)) != 0)
    good = fail_errno("cannot give it back to its owner", errno);
  if (good && ::fchmod(file.get(), static_cast<mode_t>(record->mode)) != 0)
    good = fail_errno("cannot set its mode", errno);
  if (!good) {
    ::unlinkat(place->folder.get(), place->name.c_str(), 0);
    return failed(good.error().message);
  }
  (void)::futimens(file.get(), times);
  for (const char* name : {"/file", "/record.json"}) ::unlink((undo.folder + name).c_str());
  ::rmdir(undo.folder.c_str());
  return done("put " + record->path + " back");
}

}  // namespace tiercel::response
