// Users: names for ids from passwd and group files, read again when they change. Deciding thread only; never a name
// service. (Files of containers come with the container's root.)
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace tiercel::context {

struct User {
  std::string name, home, shell;
  uint32_t gid = 0;
};

class Users {
 public:
  explicit Users(std::string host_root = {});
  [[nodiscard]] const User* user(uint32_t uid);
  [[nodiscard]] const std::string* group(uint32_t gid);
  // What an analyst's case says; lasts until a passwd or group file changes.
  void announce_user(uint32_t uid, User user) { users_[uid] = std::move(user); }
  void announce_group(uint32_t gid, std::string name) { groups_[gid] = std::move(name); }

 private:
  void refresh();
  std::string passwd_path_, group_path_;
  uint64_t checked_ns_ = 0;
  int64_t passwd_mtime_ns_ = -1, group_mtime_ns_ = -1;
  std::unordered_map<uint32_t, User> users_;
  std::unordered_map<uint32_t, std::string> groups_;
};

}  // namespace tiercel::context
