#include "siem/spool_chain.h"

#include <fmt/core.h>

#include <algorithm>

namespace tiercel::siem {

Chain::Chain(Database& database, size_t priority, uint64_t after, bool known, const TableFacts& facts)
    : facts_(facts),
      written_to_(facts.written_to.load(std::memory_order_acquire)),
      statement_(database, fmt::format("SELECT seq, data, prev, own FROM p{} WHERE seq > ?1 ORDER BY seq", priority)),
      seq_(after),
      known_(known) {
  statement_.bind(1, std::min<uint64_t>(after, INT64_MAX));
}

// Rows up to `previous` were read, are done with, or went by a limit.
bool Chain::follows(uint64_t previous) const {
  return !known_ || previous <= seq_ || previous <= facts_.lost_to.load(std::memory_order_acquire);
}

bool Chain::step() {
  at_row_ = !broken_ && statement_.step();
  if (!at_row_) {
    if (statement_.end() && !follows(written_to_)) broken_ = true;
    return false;
  }
  const uint64_t seq = statement_.number(0);
  const bool marked = !statement_.is_null(3);  // not by a tiercel before the marks
  if (seq <= seq_ || (marked && (statement_.number(3) != seq || !follows(statement_.number(2))))) {
    broken_ = true;
    at_row_ = false;
    return false;
  }
  seq_ = seq;
  known_ = true;
  return true;
}

Outcome<> Chain::end() const {
  if (broken_)
    return tl::unexpected(Trouble{fmt::format("rows behind {} are not where they were written", seq_), true});
  return statement_.end();
}

}  // namespace tiercel::siem
