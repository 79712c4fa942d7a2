// Users' files and cgroups' paths from anybody: names are found only under ids that the text gives, memory is within
// what the text is worth, and every claim lies within the path.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "agent/container/claim.h"
#include "agent/container/user_names.h"

namespace {

using namespace tiercel::container;

void require(bool holds) {
  if (!holds) std::abort();
}

void read_users(std::string_view text) {
  const size_t half = text.size() / 2;
  const UserNames names(text.substr(0, half), text.substr(half));
  // The shortest line of a user has 9 bytes, and a new line.
  require(names.users() <= text.size() / 9 + 1);
  require(names.size_bytes() <= (text.size() / 6 + 2) * 256 + text.size());
  for (uint32_t id : {0u, 1u, 1000u, UINT32_MAX}) {
    const User* user = names.user(id);
    require(!user || (!user->name.empty() && user->name.find_first_of(":\n") == std::string::npos));
    const std::string* group = names.group(id);
    require(!group || (!group->empty() && group->find_first_of(":\n") == std::string::npos));
  }
}

void read_claims(std::string_view path) {
  const auto claims = claims_of(path);
  require(claims.size() <= 16);
  size_t last = SIZE_MAX;
  for (const Claim& claim : claims) {
    require(claim.path.size() < last);
    last = claim.path.size();
    require(claim.path.front() == '/' && claim.path.size() <= path.size() + 1);
    require(!claim.full_id.empty() && claim.full_id != "." && claim.full_id != "..");
    require(claim.full_id.find('/') == std::string::npos && claim.full_id.find('\0') == std::string::npos);
    names_cgroup(path, claim.path, claim.full_id);
    names_cgroup(claim.path, path, claim.full_id, 1000);
    require(names_cgroup(claim.path, claim.path, claim.full_id));
  }
  const size_t half = path.size() / 2;
  names_cgroup(path.substr(0, half), path.substr(half), "id");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  read_users(text);
  read_claims(text);
  return 0;
}
