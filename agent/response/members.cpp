#include "agent/response/members.h"

#include <algorithm>

#include "agent/container/claim.h"
#include "agent/container/record.h"
#include "agent/response/proc.h"

namespace tiercel::response {
namespace {

container::RecordRoots roots_of(const ContainerKill& options) {
  container::RecordRoots roots;
  if (!options.docker_root.empty()) roots.docker = options.docker_root;
  if (!options.storage_root.empty()) roots.containers_storage = options.storage_root;
  return roots;
}

}  // namespace

Membership::Membership(std::string full_id, const ContainerKill& options)
    : id_(std::move(full_id)),
      records_(std::make_unique<container::RecordReader>(roots_of(options), container::HostFiles(""))),
      by_name_(options.unverified_too) {}

Membership::~Membership() = default;

const Membership::Place& Membership::place_of(const std::string& path) {
  const auto known = places_.find(path);
  if (known != places_.end()) return known->second;
  Place place;
  const auto claims = container::claims_of(path);
  if (std::any_of(claims.begin(), claims.end(), [this](const auto& claim) { return claim.full_id == id_; }))
    if (const auto found = records_->find(claims); found && found->container.full_id == id_)
      place = {found->container.verified ? Belongs::kByRecord : Belongs::kByName, found->cgroup};
  return places_.emplace(path, std::move(place)).first->second;
}

bool Membership::has(const std::string& path) {
  const Belongs belongs = place_of(path).belongs;
  return belongs == Belongs::kByRecord || (belongs == Belongs::kByName && by_name_);
}

bool Membership::has(int32_t pid) {
  const auto paths = cgroup_paths(pid);
  return std::any_of(paths.begin(), paths.end(), [this](const std::string& path) { return has(path); });
}

bool Membership::saw_the_name() const {
  return std::any_of(places_.begin(), places_.end(),
                     [](const auto& known) { return known.second.belongs == Belongs::kByName; });
}

std::vector<int32_t> Membership::members() {
  std::vector<int32_t> found;
  for (const int32_t pid : all_pids()) {
    if (!has(pid)) continue;
    const auto stat = proc_stat(pid);
    if (stat && stat->state != 'Z' && stat->state != 'X') found.push_back(pid);
  }
  return found;
}

}  // namespace tiercel::response
