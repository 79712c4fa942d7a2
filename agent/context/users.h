// Users: names for ids from the host's passwd and group files, read again when they change. Deciding thread only; never
// a name service. (A container's own users are Containers' matter: Event::user chooses.)
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "agent/container/host_files.h"
#include "agent/container/user_names.h"

namespace tiercel::context {

using container::User;

class Users {
 public:
  explicit Users(std::string host_root = {});
  [[nodiscard]] const User* user(uint32_t uid);
  [[nodiscard]] const std::string* group(uint32_t gid);
  // What an analyst's case says; it holds for everybody, in containers too.
  void announce_user(uint32_t uid, User user) { announced_users_[uid] = std::move(user); }
  void announce_group(uint32_t gid, std::string name) { announced_groups_[gid] = std::move(name); }
  // What a recording says of the host that it was made on: files of this one are not read any more.
  void recall(container::UserNames names);
  [[nodiscard]] const User* announced_user(uint32_t uid) const;
  [[nodiscard]] const std::string* announced_group(uint32_t gid) const;

 private:
  void refresh();
  container::HostFiles files_;
  uint64_t checked_ns_ = 0;
  std::string stamp_;
  container::UserNames names_;
  bool recalled_ = false;
  std::unordered_map<uint32_t, User> announced_users_;
  std::unordered_map<uint32_t, std::string> announced_groups_;
};

}  // namespace tiercel::context
