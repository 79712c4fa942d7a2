#include "agent/cli/arguments.h"

#include <algorithm>

#include "agent/base/fd.h"

namespace tiercel::cli {

Result<std::string> first_line(const std::string& path) {
  constexpr size_t kPasswordFileMax = 4096;
  if (path.empty()) return std::string();
  auto text = read_file(path, kPasswordFileMax);
  if (!text) return fail("password file: " + text.error().message, Fault::kUser);
  return text->substr(0, text->find_first_of("\r\n"));
}

std::vector<std::string> comma_separated(const std::string& text) {
  std::vector<std::string> parts;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find(',', at), text.size());
    if (end > at) parts.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

}  // namespace tiercel::cli
