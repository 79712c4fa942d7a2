#include "agent/container/id_map.h"

#include <algorithm>
#include <charconv>

namespace tiercel::container {
namespace {

bool parse(std::string_view text, uint32_t& value) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

std::vector<IdRange> rootless_map(uint32_t owner_id, std::string_view owner_name, std::string_view owner_number,
                                  std::string_view subids) {
  std::vector<IdRange> map{{0, owner_id, 1}};
  uint64_t next = 1;
  while (!subids.empty() && map.size() < kIdRangesMax) {
    const size_t end = std::min(subids.find('\n'), subids.size());
    const std::string_view line = subids.substr(0, end);
    subids.remove_prefix(std::min(end + 1, subids.size()));
    const size_t first = line.find(':');
    const size_t second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    const std::string_view who = line.substr(0, first);
    uint32_t from = 0, size = 0;
    if (who.empty() || (who != owner_name && who != owner_number)) continue;
    if (!parse(line.substr(first + 1, second - first - 1), from) || !parse(line.substr(second + 1), size)) continue;
    if (size == 0 || next + size > UINT32_MAX) continue;
    map.push_back({static_cast<uint32_t>(next), from, size});
    next += size;
  }
  return map;
}

std::vector<IdRange> composed(const std::vector<IdRange>& inner, const std::vector<IdRange>& outer) {
  std::vector<IdRange> map;
  for (const IdRange& a : inner) {
    for (const IdRange& b : outer) {
      const uint64_t begin = std::max<uint64_t>(a.host, b.container);
      const uint64_t end = std::min(uint64_t{a.host} + a.size, uint64_t{b.container} + b.size);
      if (begin >= end || map.size() == kIdRangesMax) continue;
      map.push_back({static_cast<uint32_t>(a.container + (begin - a.host)),
                     static_cast<uint32_t>(b.host + (begin - b.container)), static_cast<uint32_t>(end - begin)});
    }
  }
  return map;
}

}  // namespace tiercel::container
