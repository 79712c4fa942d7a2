#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "agent/base/fd.h"
#include "agent/response/executable.h"
#include "agent/response/responder.h"
#include "agent/response/script.h"

namespace tiercel::response {
namespace {

namespace fs = std::filesystem;
constexpr mode_t kMode = 0750;
constexpr size_t kScriptBytesMax = 64 * 1024;
constexpr std::string_view kMark = "# Written by `tiercel response install`, which may write it anew.";
constexpr const char* kRestartName = "restart-wazuh";  // what a manager asks for when an agent is to restart

std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

// Scripts find their folders from where they lie, so that they can be run by hand from anywhere.
std::string wrapper(const std::string& program, std::string_view name) {
  return fmt::format("#!/bin/sh\n{}\ncd \"${{0%/*}}/../..\" || exit 1\nexec {} response {}\n", kMark, quoted(program),
                     name);
}

Result<> make_folder(const fs::path& folder) {
  std::error_code error;
  if (fs::is_directory(folder, error)) return {};
  if (folder.has_parent_path() && folder != folder.root_path())
    if (auto made = make_folder(folder.parent_path()); !made) return made;
  if (::mkdir(folder.c_str(), kMode) != 0) return fail_errno("cannot make " + folder.string(), errno);
  return {};
}

Result<std::string> install_one(const fs::path& bin, std::string_view file, std::string_view name,
                                const std::string& program) {
  const std::string path = (bin / file).string();
  std::error_code error;
  if (fs::exists(fs::symlink_status(path, error))) {
    const auto there = read_file(path, kScriptBytesMax);
    if (!there || there->find(kMark) == std::string::npos) return path + ": left alone, it is not ours";
  }
  if (auto written = write_file_atomically(path, wrapper(program, name), kMode); !written)
    return tl::unexpected(written.error());
  struct stat st {};
  if (::stat(bin.c_str(), &st) == 0 && ::chown(path.c_str(), static_cast<uid_t>(-1), st.st_gid) != 0)
    return fail_errno("cannot give " + path + " to the folder's group", errno);
  return path + ": written";
}

}  // namespace

Result<std::vector<std::string>> install_scripts(const Install& install) {
  const fs::path home(install.home), bin = home / kBinFolder;
  if (install.stock_agent) {
    std::error_code error;
    if (!fs::is_directory(bin, error))
      return fail(fmt::format("{} is no folder: is a wazuh-agent installed in {}?", bin.string(), install.home),
                  Fault::kUser);
  } else {
    for (const fs::path& folder : {bin, (home / kScriptLog).parent_path()})
      if (auto made = make_folder(folder); !made) return tl::unexpected(made.error());
  }
  std::vector<std::string> lines;
  auto add = [&](std::string_view file, std::string_view name) -> Result<> {
    auto line = install_one(bin, file, name, install.program);
    if (!line) return tl::unexpected(line.error());
    lines.push_back(std::move(*line));
    // A stock execd does not look; we would refuse to run it.
    if (auto safe = check_executable((bin / file).string()); !safe && !install.stock_agent)
      return tl::unexpected(safe.error());
    return {};
  };
  for (const ShippedScript& script : shipped_scripts()) {
    if (install.stock_agent && script.stock_has) continue;
    if (auto added = add(script.name, script.name); !added) return tl::unexpected(added.error());
  }
  if (!install.stock_agent)
    if (auto added = add(kRestartName, "restart-agent"); !added) return tl::unexpected(added.error());
  return lines;
}

}  // namespace tiercel::response
