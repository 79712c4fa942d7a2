// Membership: whether cgroups, and processes, are a container's, by what its runtime wrote (agent/container). Looks at
// each cgroup once, so one object is for one deed. One thread; reads the runtimes' records.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agent/response/kill.h"

namespace tiercel::container {
class RecordReader;
}

namespace tiercel::response {

class Membership {
 public:
  enum class Belongs : uint8_t { kNo, kByName, kByRecord };  // kByName: anybody may have made a cgroup of that name
  struct Place {
    Belongs belongs = Belongs::kNo;
    std::string top;  // the container's own cgroup
  };

  Membership(std::string full_id, const ContainerKill& options);
  ~Membership();
  Membership(const Membership&) = delete;
  Membership& operator=(const Membership&) = delete;

  const Place& place_of(const std::string& path);
  bool has(const std::string& path);
  bool has(int32_t pid);
  // Was there a cgroup of that name that does not count?
  [[nodiscard]] bool saw_the_name() const;
  std::vector<int32_t> members();  // that have not ended

 private:
  std::string id_;
  std::unique_ptr<container::RecordReader> records_;
  bool by_name_;
  std::map<std::string, Place> places_;
};

}  // namespace tiercel::response
