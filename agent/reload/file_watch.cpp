#include "agent/reload/file_watch.h"

#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <deque>
#include <filesystem>

#include "agent/base/log.h"
#include "agent/reload/fingerprint.h"
#include "agent/rule/load.h"

namespace tiercel::reload {
namespace {

constexpr uint32_t kMask = IN_MODIFY | IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO |
                           IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_EXCL_UNLINK | IN_ONLYDIR;
constexpr uint32_t kClosed = IN_CLOSE_WRITE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO;
constexpr int kSymlinksMax = 40;  // as the kernel: beyond that a path is a loop

std::deque<std::string> components_of(const std::string& path) {
  std::deque<std::string> out;
  for (const auto& part : std::filesystem::path(path))
    if (!part.empty() && part != "/" && part != ".") out.push_back(part.string());
  return out;
}

std::string link_target(const std::string& path) {
  std::array<char, PATH_MAX> target{};
  const ssize_t n = ::readlink(path.c_str(), target.data(), target.size());
  return n > 0 ? std::string(target.data(), static_cast<size_t>(n)) : std::string();
}

}  // namespace

FileWatch::FileWatch() : inotify_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
  if (!inotify_.valid()) log::warning("cannot watch files for changes (error {}): they are looked at instead", errno);
}

// The same folder, by whatever path, has the same descriptor.
FileWatch::Interest* FileWatch::add(const std::string& folder, Interests& interests) {
  const int watch = ::inotify_add_watch(inotify_.get(), folder.c_str(), kMask);
  if (watch >= 0) return &interests[watch];
  if (errno == ENOSPC || errno == ENOMEM) {
    if (!blind_) log::warning("cannot watch {}: raise fs.inotify.max_user_watches. It is looked at instead", folder);
    blind_ = true;
  }
  return nullptr;
}

// From component to component. A folder is watched before what it holds is looked at, so that nothing changes unseen
// in between.
void FileWatch::follow(const std::string& path, Interests& interests) {
  std::string folder = path.starts_with('/') ? "/" : ".";
  std::deque<std::string> rest = components_of(path);
  for (int links = 0; !rest.empty() && links <= kSymlinksMax;) {
    const std::string name = rest.front();
    const std::string here = (folder == "/" ? "/" : folder + "/") + name;
    rest.pop_front();
    struct stat st {};
    if (const bool last = rest.empty(); ::lstat(here.c_str(), &st) != 0 || last || S_ISLNK(st.st_mode)) {
      if (Interest* interest = add(folder, interests)) interest->names.insert(name);
      if (::lstat(here.c_str(), &st) != 0) return;  // may come
    }
    if (S_ISLNK(st.st_mode)) {
      ++links;
      const std::string target = link_target(here);
      if (target.starts_with('/')) folder = "/";
      const std::deque<std::string> parts = components_of(target);
      rest.insert(rest.begin(), parts.begin(), parts.end());
      continue;
    }
    folder = here;
  }
  struct stat st {};
  if (::stat(folder.c_str(), &st) == 0 && S_ISDIR(st.st_mode)) follow_folder(folder, interests);
}

void FileWatch::follow_folder(const std::string& folder, Interests& interests) {
  Interest* interest = add(folder, interests);
  if (!interest || interest->rule_files) return;
  interest->rule_files = true;
  struct stat st {};
  for (const std::string& file : files_of(folder))
    if (::lstat(file.c_str(), &st) == 0 && S_ISLNK(st.st_mode)) follow(file, interests);
}

void FileWatch::watch(const std::vector<std::string>& paths) {
  if (!inotify_.valid()) return;
  blind_ = false;
  Interests interests;
  for (const std::string& path : paths) follow(path, interests);
  for (const auto& [watch, interest] : interests_)
    if (!interests.contains(watch)) ::inotify_rm_watch(inotify_.get(), watch);
  interests_ = std::move(interests);
  std::erase_if(being_written_, [this](const auto& file) { return !interests_.contains(file.first); });
}

bool FileWatch::take(int watch, uint32_t mask, const std::string& name) {
  if ((mask & IN_Q_OVERFLOW) != 0) return true;
  auto it = interests_.find(watch);
  if (it == interests_.end()) return false;  // taken back meanwhile
  if ((mask & IN_IGNORED) != 0) {            // the folder is gone
    interests_.erase(it);
    return true;
  }
  if (name.empty()) return (mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT)) != 0;
  const Interest& interest = it->second;
  if (!interest.names.contains(name) && !(interest.rule_files && rule::is_rule_file(name))) return false;
  if ((mask & kClosed) != 0)
    being_written_.erase({watch, name});
  else if ((mask & IN_MODIFY) != 0)
    being_written_.insert({watch, name});
  return true;
}

bool FileWatch::take_events() {
  alignas(inotify_event) std::array<char, 16384> bytes{};
  bool ours = false;
  for (;;) {
    const ssize_t n = ::read(inotify_.get(), bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return ours;
    for (size_t at = 0; at < static_cast<size_t>(n);) {
      inotify_event event{};
      std::memcpy(&event, bytes.data() + at, sizeof event);
      const char* name = bytes.data() + at + sizeof event;
      ours |= take(event.wd, event.mask, event.len > 0 ? std::string(name) : std::string());
      at += sizeof event + event.len;
    }
  }
}

}  // namespace tiercel::reload
