#include "agent/container/user_names.h"

#include <array>
#include <charconv>

namespace tiercel::container {
namespace {

constexpr size_t kFieldSizeMax = 4096;
// Of a hash table's node beside the texts: pointers, hash, allocator.
constexpr size_t kNodeSize = 64;

// The fields of a line, if there are exactly N.
template <size_t N>
bool split(std::string_view line, std::array<std::string_view, N>& fields) {
  for (size_t i = 0; i < N; ++i) {
    const size_t end = line.find(':');
    if ((end == std::string_view::npos) != (i + 1 == N)) return false;
    fields[i] = line.substr(0, end);
    if (fields[i].size() > kFieldSizeMax || fields[i].find('\0') != std::string_view::npos) return false;
    if (i + 1 < N) line.remove_prefix(end + 1);
  }
  return true;
}

bool parse_id(std::string_view text, uint32_t& id) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  return error == std::errc() && end == text.data() + text.size();
}

template <size_t N, class Visit>
void each_line(std::string_view text, Visit&& visit) {
  std::array<std::string_view, N> fields;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    if (split<N>(text.substr(0, end), fields) && !fields[0].empty()) visit(fields);
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

UserNames::UserNames(std::string_view passwd, std::string_view group) {
  each_line<7>(passwd, [this](const auto& fields) {
    uint32_t uid = 0, gid = 0;
    if (!parse_id(fields[2], uid) || !parse_id(fields[3], gid)) return;
    auto [it, fresh] = users_.try_emplace(uid);
    if (!fresh) return;
    it->second = User{std::string(fields[0]), std::string(fields[5]), std::string(fields[6]), gid};
    size_bytes_ += sizeof(User) + kNodeSize + fields[0].size() + fields[5].size() + fields[6].size();
  });
  each_line<4>(group, [this](const auto& fields) {
    uint32_t gid = 0;
    if (!parse_id(fields[2], gid) || !groups_.try_emplace(gid, fields[0]).second) return;
    size_bytes_ += sizeof(std::string) + kNodeSize + fields[0].size();
  });
}

const User* UserNames::user(uint32_t uid) const {
  auto it = users_.find(uid);
  return it == users_.end() ? nullptr : &it->second;
}

const std::string* UserNames::group(uint32_t gid) const {
  auto it = groups_.find(gid);
  return it == groups_.end() ? nullptr : &it->second;
}

}  // namespace tiercel::container
