#include "agent/group/kept.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <set>
#include <sstream>
#include <utility>

#include "agent/base/fd.h"
#include "agent/base/log.h"
#include "siem/wazuh/crypto.h"

namespace tiercel::group {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMergedBytesMax = 64u << 20;  // beyond what a manager can send us
constexpr size_t kRefusalBytesMax = 64u << 10;
constexpr size_t kReasonBytesMax = 4096;
constexpr unsigned kFileMode = 0640;
constexpr auto kFolderMode = static_cast<fs::perms>(0750);
constexpr const char* kCurrent = "current";
constexpr const char* kRefused = "refused";
constexpr const char* kMerged = "merged.mg";

bool is_md5(std::string_view name) {
  return name.size() == 32 && name.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

Result<> make_folder(const std::string& path) {
  std::error_code code;
  fs::create_directories(path, code);
  if (!code) fs::permissions(path, kFolderMode, code);
  if (code) return fail("cannot make the folder " + path + ": " + code.message());
  return {};
}

Result<> sync_folder(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid() || ::fsync(fd.get()) != 0) return fail_errno("cannot sync " + path, errno);
  return {};
}

Result<> rename_to(const std::string& from, const std::string& to) {
  if (std::rename(from.c_str(), to.c_str()) != 0) return fail_errno("cannot rename " + from + " to " + to, errno);
  return {};
}

std::string one_line(std::string text) {
  text.resize(std::min(text.size(), kReasonBytesMax));
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < 0x20; }, ' ');
  return text;
}

int number_of(const std::string& text) {
  int value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return std::max(value, 0);
}

}  // namespace

std::string Kept::linked() const {
  std::error_code code;
  const std::string name = fs::read_symlink(path(kCurrent), code).string();
  return !code && is_md5(name) ? name : std::string();
}

std::optional<GroupSet> Kept::load() const {
  const std::string name = linked();
  if (name.empty()) return std::nullopt;
  const auto merged = read_file(path(name) + "/" + kMerged, kMergedBytesMax);
  if (!merged || wazuh::md5_hex(*merged) != name) {
    log::warning("the kept group configuration {} is not whole and is passed by; the manager will send it again",
                 path(name));
    return std::nullopt;
  }
  auto set = read_set(name, *merged);
  if (set) return std::move(*set);
  log::warning("the kept group configuration {}: {}", path(name), set.error().message);
  return std::nullopt;
}

Result<> Kept::write_parts(const std::string& into, const GroupSet& set, const std::string& merged) const {
  std::vector<std::pair<std::string, const std::string*>> files{{kMerged, &merged},
                                                                {std::string(kArConfName), &set.ar_conf}};
  if (set.has_config) files.emplace_back(kConfigName, &set.config);
  if (set.rules)
    for (const config::GroupRules& file : *set.rules) files.emplace_back(file.name, &file.text);
  std::set<std::string> folders{into};
  for (const auto& [name, content] : files) {
    std::string folder = into;
    for (size_t slash = name.find('/'); slash != std::string::npos; slash = name.find('/', slash + 1)) {
      folder = into + "/" + name.substr(0, slash);
      folders.insert(folder);
    }
    if (auto made = make_folder(folder); !made) return made;
    if (auto written = write_file_atomically(into + "/" + name, *content, kFileMode); !written) return written;
  }
  for (const std::string& folder : folders)
    if (auto synced = sync_folder(folder); !synced) return synced;
  return {};
}

void Kept::remove_all_but(const std::string& name) const {
  std::error_code code;
  std::vector<fs::path> old;
  for (fs::directory_iterator it(folder_, code), end; !code && it != end; it.increment(code)) {
    const std::string entry = it->path().filename().string();
    if (entry != name && entry != kCurrent && entry != kRefused) old.push_back(it->path());
  }
  for (const fs::path& entry : old) fs::remove_all(entry, code);
}

Result<> Kept::keep(const GroupSet& set, const std::string& merged) {
  if (!is_md5(set.md5)) return fail("a shared file's MD5 is not one");
  if (auto made = make_folder(folder_); !made) return made;
  // A set that is kept under this name and was not taken for whole at the start.
  if (linked() == set.md5) ::unlink(path(kCurrent).c_str());
  remove_all_but(linked());
  const std::string made_at = path(set.md5 + ".new");
  if (auto written = write_parts(made_at, set, merged); !written) return written;
  if (auto renamed = rename_to(made_at, path(set.md5)); !renamed) return renamed;
  if (auto synced = sync_folder(folder_); !synced) return synced;
  const std::string link = path(std::string(kCurrent) + ".new");
  if (::symlink(set.md5.c_str(), link.c_str()) != 0) return fail_errno("cannot make the link " + link, errno);
  if (auto renamed = rename_to(link, path(kCurrent)); !renamed) return renamed;
  if (auto synced = sync_folder(folder_); !synced) return synced;
  remove_all_but(set.md5);
  return {};
}

std::optional<Refusal> Kept::refusal() const {
  const auto text = read_file(path(kRefused), kRefusalBytesMax);
  if (!text) return std::nullopt;
  std::istringstream in(*text);
  Refusal refusal;
  std::string line, column;
  std::getline(in, refusal.md5);
  std::getline(in, refusal.conditions);
  std::getline(in, refusal.file);
  std::getline(in, line);
  std::getline(in, column);
  std::getline(in, refusal.reason);
  if (!in || !is_md5(refusal.md5)) return std::nullopt;
  refusal.line = number_of(line);
  refusal.column = number_of(column);
  return refusal;
}

Result<> Kept::remember(const Refusal& refusal) {
  if (auto made = make_folder(folder_); !made) return made;
  std::ostringstream out;
  out << refusal.md5 << '\n' << one_line(refusal.conditions) << '\n' << one_line(refusal.file) << '\n';
  out << refusal.line << '\n' << refusal.column << '\n' << one_line(refusal.reason) << '\n';
  return write_file_atomically(path(kRefused), out.str(), kFileMode);
}

void Kept::forget_refusal() {
  ::unlink(path(kRefused).c_str());
}

}  // namespace tiercel::group
