#include "siem/aws/profile.h"

#include <unistd.h>

#include "agent/base/fd.h"

namespace tiercel::aws {
namespace {

constexpr size_t kFileSizeMax = 1u << 20;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r";
  const size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

std::string or_else(std::string text, std::string other) {
  return text.empty() ? std::move(other) : std::move(text);
}

Result<std::string> text_of(const std::string& path) {
  if (::access(path.c_str(), F_OK) != 0) return std::string();
  return read_file(path, kFileSizeMax);
}

}  // namespace

std::map<std::string, std::string> section_of(std::string_view text, std::string_view section) {
  std::map<std::string, std::string> settings;
  bool within = false;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view raw = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::string_view line = trimmed(raw);
    if (line.empty() || line[0] == '#' || line[0] == ';') continue;
    if (line[0] == '[') {
      within = trimmed(line.substr(1, std::min(line.find(']'), line.size()) - 1)) == section;
      continue;
    }
    const size_t equals = line.find('=');
    if (!within || raw[0] == ' ' || raw[0] == '\t' || equals == std::string_view::npos) continue;
    settings[std::string(trimmed(line.substr(0, equals)))] = std::string(trimmed(line.substr(equals + 1)));
  }
  return settings;
}

Result<Profile> read_profile(const Environment& environment, const std::string& name) {
  const std::string home = or_else(environment("HOME"), "/root") + "/.aws/";
  const std::string credentials = or_else(environment("AWS_SHARED_CREDENTIALS_FILE"), home + "credentials");
  const std::string config = or_else(environment("AWS_CONFIG_FILE"), home + "config");
  Profile profile;
  profile.name = or_else(name, or_else(environment("AWS_PROFILE"), "default"));
  profile.files = credentials + " and " + config;
  const auto keys = text_of(credentials);
  if (!keys) return fail(keys.error().message);
  const auto rest = text_of(config);
  if (!rest) return fail(rest.error().message);
  profile.settings = section_of(*keys, profile.name);
  profile.settings.merge(section_of(*rest, "profile " + profile.name));
  if (profile.name == "default") profile.settings.merge(section_of(*rest, "default"));
  return profile;
}

}  // namespace tiercel::aws
