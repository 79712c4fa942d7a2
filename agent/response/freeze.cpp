#include "agent/response/freeze.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <sstream>

#include "agent/base/fd.h"
#include "agent/response/proc.h"

namespace tiercel::response {
namespace {

constexpr size_t kMountsBytesMax = 8u << 20;
constexpr std::string_view kV1File = "/freezer.state", kV2File = "/cgroup.freeze";

bool has_word(const std::string& list, const std::string& word) {
  return ("," + list + ",").find("," + word + ",") != std::string::npos;
}

void add_file(std::vector<std::string>& files, std::string file) {
  if (std::find(files.begin(), files.end(), file) == files.end() && ::access(file.c_str(), W_OK) == 0)
    files.push_back(std::move(file));
}

}  // namespace

// Lines of mountinfo: id parent device root where options [more] - type source superoptions.
std::string cgroup_mount(const std::string& controller) {
  const auto text = read_pseudo_file("/proc/self/mountinfo", kMountsBytesMax);
  if (!text) return {};
  std::istringstream lines(*text);
  for (std::string line; std::getline(lines, line);) {
    const size_t dash = line.find(controller.empty() ? " - cgroup2 " : " - cgroup ");
    if (dash == std::string::npos) continue;
    std::istringstream words(line), behind(line.substr(dash + 3));
    std::string id, parent, device, root, where, type, source, options;
    if (!(words >> id >> parent >> device >> root >> where) || root != "/" || !(behind >> type >> source >> options))
      continue;
    if (controller.empty() || has_word(options, controller)) return where;
  }
  return {};
}

std::vector<std::string> freezer_files(Membership& membership, const std::vector<int32_t>& members) {
  std::vector<std::string> files;
  const std::string v1 = cgroup_mount("freezer"), v2 = cgroup_mount("");
  for (const int32_t pid : members) {
    const std::string path = v1.empty() ? std::string() : controller_cgroup_path(pid, "freezer");
    if (path.size() > 1 && membership.has(path))
      add_file(files, v1 + membership.place_of(path).top + std::string(kV1File));
    const std::string unified = v2.empty() ? std::string() : v2_cgroup_path(pid);
    if (unified.size() > 1 && membership.has(unified))
      add_file(files, v2 + membership.place_of(unified).top + std::string(kV2File));
  }
  return files;
}

Result<> set_frozen(const std::string& file, bool frozen) {
  const Fd fd(::open(file.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd.valid()) return fail_errno("cannot open " + file, errno);
  const std::string_view word = file.ends_with(kV1File) ? (frozen ? "FROZEN" : "THAWED") : (frozen ? "1" : "0");
  return write_all(fd.get(), word.data(), word.size());
}

void thaw_cgroups(Membership& membership, const std::vector<int32_t>& members) {
  for (const std::string& file : freezer_files(membership, members))
    if (file.ends_with(kV1File)) (void)set_frozen(file, false);
}

}  // namespace tiercel::response
