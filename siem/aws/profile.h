// The shared files of AWS's tools, ~/.aws/credentials and ~/.aws/config (docs.aws.amazon.com/sdkref, "Shared config and
// credentials files"). Blocks for the files only. The forwarder's thread.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "agent/base/result.h"
#include "siem/aws/endpoints.h"

namespace tiercel::aws {

struct Profile {
  std::string name;
  std::string files;                            // where it was looked for, for people
  std::map<std::string, std::string> settings;  // both files', the credentials file's first; empty: there is none
  [[nodiscard]] std::string at(const std::string& key) const {
    const auto it = settings.find(key);
    return it == settings.end() ? std::string() : it->second;
  }
};

// `name` empty: AWS_PROFILE, else "default". An error: a file is there and cannot be read.
[[nodiscard]] Result<Profile> read_profile(const Environment& environment, const std::string& name);

// The settings below "[section]". Lines that are no "key = value", or belong to a nested setting, are passed over.
[[nodiscard]] std::map<std::string, std::string> section_of(std::string_view text, std::string_view section);

}  // namespace tiercel::aws
