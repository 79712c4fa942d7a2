#include "agent/response/account.h"

#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <sstream>
#include <vector>

#include "agent/base/fd.h"
#include "agent/response/child.h"

namespace tiercel::response {
namespace {

constexpr size_t kFileBytesMax = 64u << 20;
constexpr int kUsermodLimitMs = 20'000;
constexpr const char* kNotes = "active-response/locked";

// The line of a passwd or shadow file, taken apart at its colons.
std::vector<std::string> entry_of(const char* file, const std::string& user) {
  std::vector<std::string> words;
  const auto text = read_file(file, kFileBytesMax);
  if (!text) return words;
  std::istringstream lines(*text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(user + ":")) continue;
    std::istringstream parts(line);
    for (std::string part; std::getline(parts, part, ':');) words.push_back(part);
    break;
  }
  return words;
}

bool is_locked(const std::string& user) {
  const auto shadow = entry_of("/etc/shadow", user);
  return shadow.size() > 1 && shadow[1].starts_with('!');
}

std::string note_of(const std::string& user) {
  return fmt::format("{}/{}", kNotes, user);
}

Deed usermod(const char* option, const std::string& user, const std::string& what) {
  const std::string tool = find_tool("usermod");
  if (tool.empty()) return failed("usermod is not installed: install the package passwd or shadow-utils");
  const auto ran = run_tool(tool, {option, user}, "", kUsermodLimitMs);
  if (!ran) return failed(ran.error().message);
  if (ran->exit_status != 0)
    return failed(fmt::format("usermod {} {} ended with status {}: {}", option, user, ran->exit_status,
                              ran->output.substr(0, ran->output.find('\n'))));
  return done(what);
}

}  // namespace

Result<std::string> account_of(const Cause& cause) {
  std::string user = cause.dstuser;
  if (user.empty() && cause.in_container)
    return fail("the alert's user is one of a container, and the host's of that name is another", Fault::kUser);
  if (user.empty()) user = cause.srcuser;
  if (user.empty()) return fail("the alert names no user: data.dstuser or data.srcuser is needed", Fault::kUser);
  if (!is_plain_name(user) || user.find(':') != std::string::npos)
    return fail("the user's name is none that an account has", Fault::kUser);
  return user;
}

std::string why_needed(const std::string& user) {
  const auto entry = entry_of("/etc/passwd", user);
  if (entry.size() < 3) return "there is no local account of that name";
  if (entry[2].find_first_not_of('0') == std::string::npos) return "it is root";
  return {};
}

Deed lock_account(const std::string& user) {
  if (is_locked(user)) return done(user + " was locked already, and stays so");
  if (::mkdir(kNotes, 0700) != 0 && errno != EEXIST)
    return failed(
        fmt::format("cannot make {}, where it is noted who was locked: run it in the folder that holds "
                    "active-response",
                    kNotes));
  if (auto noted = write_file_atomically(note_of(user), "", 0600); !noted) return failed(noted.error().message);
  Deed deed = usermod("-L", user, "locked the password of " + user);
  if (deed.result != "done") ::unlink(note_of(user).c_str());
  return deed;
}

Deed unlock_account(const std::string& user) {
  if (::access(note_of(user).c_str(), F_OK) != 0) return done(user + " was not locked by us, and stays as it is");
  Deed deed = usermod("-U", user, "unlocked the password of " + user);
  if (deed.result == "done") ::unlink(note_of(user).c_str());
  return deed;
}

}  // namespace tiercel::response
