// Places: which rows of each lane a forwarder has read and not settled, and up to where the spool may forget. Rows are
// settled in any order; the cursor goes to before the first that is not. Pure; one thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "siem/forwarder.h"

namespace tiercel::siem {

class Places {
 public:
  using Lane = alert::Lane;

  // Rows come in order. One that is passed by is settled already.
  void passed(RowId row) { of(row.lane).read_to = row.seq; }
  void read(RowId row, std::string rule);
  // The row's rule, once; nothing: not a row that is held.
  std::optional<std::string> settle(RowId row);

  [[nodiscard]] uint64_t read_to(Lane lane) const { return lanes_[static_cast<size_t>(lane)].read_to; }
  [[nodiscard]] size_t held(Lane lane) const { return lanes_[static_cast<size_t>(lane)].held.size(); }
  [[nodiscard]] size_t held() const { return held(Lane::kCritical) + held(Lane::kRest); }
  // Where the lane's cursor may go now; nothing: where it was at the last call.
  [[nodiscard]] std::optional<uint64_t> take_cursor(Lane lane);

 private:
  struct LanePlaces {
    uint64_t read_to = 0;
    uint64_t cursor = 0;
    std::map<uint64_t, std::string> held;
  };
  LanePlaces& of(Lane lane) { return lanes_[static_cast<size_t>(lane)]; }

  std::array<LanePlaces, 2> lanes_;
};

}  // namespace tiercel::siem
