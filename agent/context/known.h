// What the agent knows beside the kernel's records, for recordings: containers' metadata and names for ids, as `known`
// records that stand before the first record that they are about. So a recording says the same on every host, and long
// after its containers went. Deciding thread only.
#pragma once

#include <functional>
#include <set>
#include <span>
#include <string_view>
#include <unordered_map>

#include "agent/context/process_table.h"
#include "agent/context/users.h"
#include "decoders/record.h"

namespace tiercel::context {

class Knowledge {
 public:
  using Handler = std::function<void(std::span<const std::byte>)>;
  Knowledge(ProcessTable& table, Containers& containers, Users& users)
      : table_(table), containers_(containers), users_(users) {}
  // After the record was judged: what was known of its container and users, as far as it was not told yet.
  void tell_before(std::span<const std::byte> record, const Handler& handler);

 private:
  struct Told {
    std::shared_ptr<const Container> facts;
    std::set<uint32_t> uids, gids;
    std::string passwd, group;  // lines of such files, of the ids that were seen
  };
  [[nodiscard]] bool take_user(Told& told, uint32_t uid, const User* user) const;
  [[nodiscard]] bool take_group(Told& told, uint32_t gid, const std::string* name) const;
  void tell(uint64_t cgroup_id, const Told& told, const Handler& handler) const;
  ProcessTable& table_;
  Containers& containers_;
  Users& users_;
  std::unordered_map<uint64_t, Told> told_;  // by cgroup; 0: the host's names
};

// Takes the text of a `known` record in again. What is malformed in it is left out.
void recall(uint64_t cgroup_id, std::string_view json, Containers& containers, Users& users);

}  // namespace tiercel::context
