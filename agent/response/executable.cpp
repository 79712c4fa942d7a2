#include "agent/response/executable.h"

#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

namespace tiercel::response {
namespace {

namespace fs = std::filesystem;

Result<> check_one(const fs::path& path, bool folder) {
  struct stat st {};
  if (::stat(path.c_str(), &st) != 0) return fail_errno("cannot look at " + path.string(), errno);
  if (folder ? !S_ISDIR(st.st_mode) : !S_ISREG(st.st_mode))
    return fail(fmt::format("{} is no {}", path.string(), folder ? "folder" : "regular file"));
  if (st.st_uid != 0 && st.st_uid != ::geteuid())
    return fail(fmt::format("{} belongs to uid {}, who could change what root runs: chown root {}", path.string(),
                            st.st_uid, path.string()));
  const bool others = (st.st_mode & S_IWOTH) != 0 || ((st.st_mode & S_IWGRP) != 0 && st.st_gid != 0);
  if (others && !(folder && (st.st_mode & S_ISVTX) != 0))
    return fail(fmt::format("{} may be written by others than root: chmod go-w {}", path.string(), path.string()));
  return {};
}

Result<> check_folders(fs::path folder) {
  for (;; folder = folder.parent_path()) {
    if (auto good = check_one(folder, true); !good) return good;
    if (folder == folder.root_path()) return {};
  }
}

}  // namespace

Result<> check_owned(const std::string& path) {
  std::error_code error;
  const fs::path real = fs::canonical(path, error);
  if (error) return fail(fmt::format("cannot look at {}: {}", path, error.message()));
  const fs::path where = fs::canonical(fs::path(path).parent_path(), error);  // of a link: both its ends
  if (error) return fail(fmt::format("cannot look at the folder of {}: {}", path, error.message()));
  if (auto good = check_one(real, false); !good) return good;
  if (auto good = check_folders(real.parent_path()); !good) return good;
  return check_folders(where);
}

Result<> check_executable(const std::string& path) {
  if (auto good = check_owned(path); !good) return good;
  if (::access(path.c_str(), X_OK) != 0) return fail(path + " is not executable: chmod 0750 " + path);
  return {};
}

}  // namespace tiercel::response
