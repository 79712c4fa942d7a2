// UserNames: names for ids from the text of passwd and group files. Immutable once made; any thread.
// Format: passwd(5) has exactly 7 fields, group(5) exactly 4: a shadow file has none of either.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

namespace tiercel::container {

struct User {
  std::string name, home, shell;
  uint32_t gid = 0;
};

class UserNames {
 public:
  // Files beyond these are not read at all.
  static constexpr size_t kFileSizeMax = 256u << 10;

  UserNames() = default;
  // The first line for an id wins, as with getpwuid(3). Lines that are none are passed over.
  UserNames(std::string_view passwd, std::string_view group);

  [[nodiscard]] const User* user(uint32_t uid) const;
  [[nodiscard]] const std::string* group(uint32_t gid) const;
  [[nodiscard]] size_t size_bytes() const { return size_bytes_; }  // of memory, about
  [[nodiscard]] size_t users() const { return users_.size(); }

 private:
  std::unordered_map<uint32_t, User> users_;
  std::unordered_map<uint32_t, std::string> groups_;
  size_t size_bytes_ = 0;
};

}  // namespace tiercel::container
