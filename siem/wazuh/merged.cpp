#include "siem/wazuh/merged.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <set>

namespace tiercel::wazuh {
namespace {

constexpr size_t kNameBytesMax = 1024;
constexpr size_t kPartBytesMax = 200;  // with what is appended while it is written: what file systems allow

std::string shown(std::string_view name) {
  constexpr size_t kShownBytesMax = 100;
  std::string out;
  for (const char c : name.substr(0, kShownBytesMax))
    out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  return out;
}

// Why a name is not one that can be kept below a folder; nullptr: it is.
const char* why_bad(std::string_view name) {
  if (name.empty() || name.size() > kNameBytesMax) return "a name that is empty or too long";
  if (name.front() == '/') return "an absolute name";
  if (std::any_of(name.begin(), name.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }))
    return "a name with control characters";
  for (size_t begin = 0; begin <= name.size();) {
    const size_t end = std::min(name.find('/', begin), name.size());
    const std::string_view part = name.substr(begin, end - begin);
    if (part.empty() || part == "." || part == "..") return "a name with an empty part, . or ..";
    if (part.size() > kPartBytesMax) return "a name with a part that is too long";
    begin = end + 1;
  }
  return nullptr;
}

std::string_view take_line(std::string_view& text) {
  const size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

}  // namespace

Result<Merged> parse_merged(std::string_view text) {
  Merged merged;
  std::set<std::string_view> names;
  for (size_t number = 1; !text.empty(); ++number) {
    std::string_view line = take_line(text);
    if (number == 1 && line.starts_with('#')) merged.group = line.substr(1);
    if (!line.starts_with('!')) continue;
    line.remove_prefix(1);
    size_t size = 0;
    const auto [stopped, code] = std::from_chars(line.data(), line.data() + line.size(), size);
    if (code != std::errc() || stopped == line.data() + line.size() || *stopped != ' ')
      return fail(fmt::format("merged.mg: header {} is not \"!SIZE NAME\"", number));
    const std::string_view name = line.substr(static_cast<size_t>(stopped - line.data()) + 1);
    if (const char* why = why_bad(name)) return fail(fmt::format("merged.mg: header {} has {}", number, why));
    if (size > text.size())
      return fail(
          fmt::format("merged.mg: {} is said to have {} bytes, and {} are there", shown(name), size, text.size()));
    if (!names.insert(name).second) return fail("merged.mg: " + shown(name) + " is there twice");
    if (merged.files.size() == kMergedFilesMax)
      return fail(fmt::format("merged.mg: more than {} files", kMergedFilesMax));
    merged.files.push_back({name, text.substr(0, size)});
    text.remove_prefix(size);
  }
  return merged;
}

std::string format_merged(std::string_view group, const std::vector<MergedFile>& files) {
  std::string out = fmt::format("#{}\n", group);
  for (const MergedFile& file : files) {
    out += fmt::format("!{} {}\n", file.content.size(), file.name);
    out += file.content;
  }
  return out;
}

}  // namespace tiercel::wazuh
