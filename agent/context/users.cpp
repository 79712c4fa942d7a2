#include "agent/context/users.h"

#include <sys/stat.h>

#include <charconv>
#include <vector>

#include "agent/base/clock.h"
#include "agent/base/fd.h"

namespace tiercel::context {
namespace {

constexpr size_t kFileSizeMax = 16u << 20;
constexpr uint64_t kCheckIntervalNs = 1'000'000'000;

int64_t mtime_ns(const std::string& path) {
  struct stat st {};
  if (::stat(path.c_str(), &st) != 0) return -1;
  return st.st_mtim.tv_sec * 1'000'000'000 + st.st_mtim.tv_nsec;
}

std::vector<std::string_view> split(std::string_view line, char by) {
  std::vector<std::string_view> parts;
  for (;;) {
    const size_t end = line.find(by);
    parts.push_back(line.substr(0, end));
    if (end == std::string_view::npos) return parts;
    line.remove_prefix(end + 1);
  }
}

bool parse_id(std::string_view text, uint32_t& out) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

template <class Visit>
void each_line(const std::string& path, Visit&& visit) {
  auto content = read_file(path, kFileSizeMax);
  if (!content) return;
  for (std::string_view line : split(*content, '\n'))
    if (!line.empty()) visit(split(line, ':'));
}

}  // namespace

Users::Users(std::string host_root) : passwd_path_(host_root + "/etc/passwd"), group_path_(host_root + "/etc/group") {}

void Users::refresh() {
  const uint64_t now_ns = SystemClock().monotonic_ns();
  if (checked_ns_ != 0 && now_ns - checked_ns_ < kCheckIntervalNs) return;
  checked_ns_ = now_ns;
  if (int64_t changed = mtime_ns(passwd_path_); changed != passwd_mtime_ns_) {
    passwd_mtime_ns_ = changed;
    users_.clear();
    each_line(passwd_path_, [this](const std::vector<std::string_view>& parts) {
      uint32_t uid = 0, gid = 0;
      if (parts.size() < 7 || !parse_id(parts[2], uid)) return;
      parse_id(parts[3], gid);
      users_.try_emplace(uid, User{std::string(parts[0]), std::string(parts[5]), std::string(parts[6]), gid});
    });
  }
  if (int64_t changed = mtime_ns(group_path_); changed != group_mtime_ns_) {
    group_mtime_ns_ = changed;
    groups_.clear();
    each_line(group_path_, [this](const std::vector<std::string_view>& parts) {
      uint32_t gid = 0;
      if (parts.size() >= 3 && parse_id(parts[2], gid)) groups_.try_emplace(gid, parts[0]);
    });
  }
}

const User* Users::user(uint32_t uid) {
  refresh();
  auto it = users_.find(uid);
  return it == users_.end() ? nullptr : &it->second;
}

const std::string* Users::group(uint32_t gid) {
  refresh();
  auto it = groups_.find(gid);
  return it == groups_.end() ? nullptr : &it->second;
}

}  // namespace tiercel::context
