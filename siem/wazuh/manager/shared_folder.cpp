#include "siem/wazuh/manager/shared_folder.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <utility>
#include <vector>

#include "agent/base/fd.h"
#include "siem/wazuh/manager/dev_manager.h"

namespace tiercel::wazuh {
namespace {

namespace fs = std::filesystem;

constexpr size_t kFileBytesMax = 16u << 20;

// Relative names of the regular files, sorted.
std::vector<std::string> files_in(const std::string& folder, std::error_code& code) {
  std::vector<std::string> names;
  for (fs::recursive_directory_iterator it(folder, code), end; !code && it != end; it.increment(code)) {
    const std::string name = it->path().filename().string();
    if (name.starts_with('.')) {
      it.disable_recursion_pending();
    } else if (std::error_code ignored; it->is_regular_file(ignored) && name != "merged.mg") {
      names.push_back(fs::path(it->path()).lexically_relative(folder).string());
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

Result<std::string> merge_folder(const std::string& path, std::string_view ar_conf) {
  std::error_code code;
  std::vector<std::pair<std::string, std::string>> files;
  std::string responses(ar_conf);
  const std::vector<std::string> names = files_in(path, code);
  if (code) return fail("cannot read the folder " + path + ": " + code.message(), Fault::kUser);
  for (const std::string& name : names) {
    auto content = read_file(path + "/" + name, kFileBytesMax);
    if (!content) return tl::unexpected(content.error());
    if (name == "ar.conf")
      responses = std::move(*content);
    else
      files.emplace_back(name, std::move(*content));
  }
  const fs::path folder = fs::path(path + "/").lexically_normal();
  const std::string group = folder.parent_path().filename().string();
  return make_merged_file(group.empty() ? "default" : group, responses, files);
}

uint64_t stamp_of_folder(const std::string& path) {
  std::error_code code;
  std::string all;
  for (const std::string& name : files_in(path, code)) {
    struct stat st {};
    if (::stat((path + "/" + name).c_str(), &st) != 0) continue;
    all += name + '\0' + std::to_string(st.st_size) + ' ' + std::to_string(st.st_ino) + ' ' +
           std::to_string(st.st_mtim.tv_sec) + ' ' + std::to_string(st.st_mtim.tv_nsec) + '\0';
  }
  return std::hash<std::string>{}(all);
}

}  // namespace tiercel::wazuh
