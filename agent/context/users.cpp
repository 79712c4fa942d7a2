#include "agent/context/users.h"

#include <sys/stat.h>

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

}  // namespace

Users::Users(std::string host_root) : passwd_path_(host_root + "/etc/passwd"), group_path_(host_root + "/etc/group") {}

void Users::refresh() {
  const uint64_t now_ns = SystemClock().monotonic_ns();
  if (checked_ns_ != 0 && now_ns - checked_ns_ < kCheckIntervalNs) return;
  checked_ns_ = now_ns;
  const int64_t passwd_changed = mtime_ns(passwd_path_), group_changed = mtime_ns(group_path_);
  if (passwd_changed == passwd_mtime_ns_ && group_changed == group_mtime_ns_) return;
  passwd_mtime_ns_ = passwd_changed;
  group_mtime_ns_ = group_changed;
  names_ = container::UserNames(read_file(passwd_path_, kFileSizeMax).value_or(std::string()),
                                read_file(group_path_, kFileSizeMax).value_or(std::string()));
}

const User* Users::announced_user(uint32_t uid) const {
  const auto it = announced_users_.find(uid);
  return it == announced_users_.end() ? nullptr : &it->second;
}

const std::string* Users::announced_group(uint32_t gid) const {
  const auto it = announced_groups_.find(gid);
  return it == announced_groups_.end() ? nullptr : &it->second;
}

const User* Users::user(uint32_t uid) {
  if (const User* said = announced_user(uid)) return said;
  refresh();
  return names_.user(uid);
}

const std::string* Users::group(uint32_t gid) {
  if (const std::string* said = announced_group(gid)) return said;
  refresh();
  return names_.group(gid);
}

}  // namespace tiercel::context
