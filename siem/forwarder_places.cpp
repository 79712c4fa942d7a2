#include "siem/forwarder_places.h"

#include <utility>

namespace tiercel::siem {

void Places::read(RowId row, std::string rule) {
  LanePlaces& lane = of(row.lane);
  lane.read_to = row.seq;
  lane.held.emplace_hint(lane.held.end(), row.seq, std::move(rule));
}

std::optional<std::string> Places::settle(RowId row) {
  auto node = of(row.lane).held.extract(row.seq);
  if (node.empty()) return std::nullopt;
  return std::move(node.mapped());
}

std::optional<uint64_t> Places::take_cursor(Lane which) {
  LanePlaces& lane = of(which);
  const uint64_t cursor = lane.held.empty() ? lane.read_to : lane.held.begin()->first - 1;
  if (cursor <= lane.cursor) return std::nullopt;
  lane.cursor = cursor;
  return cursor;
}

}  // namespace tiercel::siem
