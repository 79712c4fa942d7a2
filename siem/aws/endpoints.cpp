#include "siem/aws/endpoints.h"

#include <algorithm>
#include <cstdlib>
#include <ctime>

namespace tiercel::aws {

std::string process_environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

std::string partition_of(std::string_view region) {
  if (region.starts_with("cn-")) return "aws-cn";
  if (region.starts_with("us-gov-")) return "aws-us-gov";
  return "aws";
}

bool is_region(std::string_view text) {
  return !text.empty() && text.size() <= 32 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

bool is_account(std::string_view text) {
  return text.size() == 12 && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::string endpoint_of(const Environment& environment, std::string_view service, std::string_view region) {
  std::string name = "AWS_ENDPOINT_URL_" + std::string(service);
  for (char& c : name)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  std::string url = environment(name.c_str());
  if (url.empty()) url = environment("AWS_ENDPOINT_URL");
  if (url.empty()) {
    url = "https://" + std::string(service) + "." + std::string(region) + ".amazonaws.com";
    if (partition_of(region) == "aws-cn") url += ".cn";
  }
  while (url.ends_with('/')) url.pop_back();
  return url;
}

std::string form_escaped(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
        c == '_') {
      out += c;
    } else {
      out += '%';
      out += kHex[static_cast<unsigned char>(c) >> 4];
      out += kHex[static_cast<unsigned char>(c) & 15];
    }
  }
  return out;
}

uint64_t utc_ns(const std::string& text) {
  std::tm time{};
  const char* rest = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &time);
  if (rest == nullptr) return 0;
  std::string_view zone(rest);
  if (zone.starts_with('.')) zone.remove_prefix(std::min(zone.size(), zone.find_first_not_of("0123456789", 1)));
  const time_t seconds = ::timegm(&time);
  if ((zone != "Z" && zone != "+00:00") || seconds <= 0 || seconds > 9'000'000'000) return 0;
  return static_cast<uint64_t>(seconds) * 1'000'000'000;
}

}  // namespace tiercel::aws
