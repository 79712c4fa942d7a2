#include "agent/context/users.h"

#include <utility>

#include "agent/base/clock.h"

namespace tiercel::context {
namespace {

constexpr size_t kFileSizeMax = 16u << 20;
constexpr uint64_t kCheckIntervalNs = 1'000'000'000;

constexpr const char* kPasswd = "/etc/passwd";
constexpr const char* kGroup = "/etc/group";

}  // namespace

Users::Users(std::string host_root) : files_(std::move(host_root)) {}

void Users::recall(container::UserNames names) {
  names_ = std::move(names);
  recalled_ = true;
}

void Users::refresh() {
  if (recalled_) return;
  const uint64_t now_ns = SystemClock().monotonic_ns();
  if (checked_ns_ != 0 && now_ns - checked_ns_ < kCheckIntervalNs) return;
  checked_ns_ = now_ns;
  std::string stamp = files_.stamp({}, kPasswd) + "|" + files_.stamp({}, kGroup);
  if (stamp == stamp_) return;
  stamp_ = std::move(stamp);
  names_ = container::UserNames(files_.read(kPasswd, kFileSizeMax).value_or(std::string()),
                                files_.read(kGroup, kFileSizeMax).value_or(std::string()));
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
