// A tree of files as runtimes write them, in a temporary folder that stands for the host's root. Tests only.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "agent/container/record.h"

namespace container_test {

inline const std::string kId(64, 'a');
inline const std::string kOtherId(64, 'b');
inline const std::string kSandboxId(64, 'c');
inline const std::string kImageId(64, '1');

class Host {
 public:
  Host() {
    std::string name = (std::filesystem::temp_directory_path() / "tiercel-host-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    root_ = name;
  }
  ~Host() {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  [[nodiscard]] std::string path(const std::string& below) const { return root_ + below; }
  [[nodiscard]] const std::string& root() const { return root_; }

  void folder(const std::string& below) const { std::filesystem::create_directories(path(below)); }
  void file(const std::string& below, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(path(below)).parent_path());
    std::ofstream(path(below), std::ios::binary | std::ios::trunc) << text;
    std::filesystem::permissions(path(below), std::filesystem::perms(0644));
  }
  void link(const std::string& below, const std::string& target) const {
    std::filesystem::create_directories(std::filesystem::path(path(below)).parent_path());
    std::filesystem::create_symlink(target, path(below));
  }

  [[nodiscard]] tiercel::container::RecordReader reader() const {
    return {tiercel::container::RecordRoots{}, tiercel::container::HostFiles(root_)};
  }
  [[nodiscard]] std::optional<tiercel::container::RecordReader::Found> find(const std::string& cgroup) const {
    return reader().find(tiercel::container::claims_of(cgroup));
  }

 private:
  std::string root_;
};

// What these tests write is root's only if root runs them.
inline bool is_root() {
  return ::geteuid() == 0;
}

inline const std::string kDocker = "/var/lib/docker";
inline const std::string kMoby = "/run/docker/containerd/daemon/io.containerd.runtime.v2.task/moby/";
inline const std::string kTasks = "/run/containerd/io.containerd.runtime.v2.task/";

// A bundle with the given members besides ("" or ", ...").
inline std::string bundle(const std::string& cgroups_path, const std::string& more = {},
                          const std::string& linux_more = {}) {
  return R"({"ociVersion":"1.0.2","process":{"user":{"uid":0,"gid":0},"args":["sleep","9"]},"root":{"path":"rootfs"},)"
         R"("linux":{"cgroupsPath":")" +
         cgroups_path + "\"" + linux_more + "}" + more + "}";
}

}  // namespace container_test
