#include "agent/casefile/shrink.h"

#include <algorithm>

namespace tiercel::casefile {
namespace {

class Shrinker {
 public:
  explicit Shrinker(const std::function<bool()>& same) : same_(same) {}

  // True if it took something.
  bool pass(Draft& what, bool ends_only) {
    bool took = false;
    if (what.kind == Draft::Kind::kMap) {
      for (size_t n = what.entries.size(); n-- > 0;) {
        if (!what.entries[n].second.wanted && try_without(what.entries, n))
          took = true;
        else
          took |= pass(what.entries[n].second, what.entries[n].first == "parents");
      }
    } else if (what.kind == Draft::Kind::kList) {
      bool at_end = true;
      for (size_t n = what.items.size(); n-- > 0;) {
        const bool may = (!ends_only || at_end) && !what.items[n].wanted;
        if (may && what.items.size() > 1 && try_without(what.items, n)) {
          took = true;
          continue;
        }
        at_end = false;
        took |= pass(what.items[n], false);
      }
    }
    return took;
  }

 private:
  template <class T>
  bool try_without(std::vector<T>& list, size_t n) {
    const auto at = list.begin() + static_cast<ptrdiff_t>(n);
    T taken = std::move(*at);
    list.erase(at);
    if (same_()) return true;
    list.insert(list.begin() + static_cast<ptrdiff_t>(n), std::move(taken));
    return false;
  }
  const std::function<bool()>& same_;
};

}  // namespace

namespace {

// Seconds since something differ at each run: the first of these that makes no difference takes their place.
void steady_ages(Draft& draft, const std::function<bool()>& same) {
  static constexpr const char* kSeconds[] = {"0", "5", "60", "600", "3600"};
  for (auto& [key, value] : draft.entries) {
    steady_ages(value, same);
    if (key != "age" && key != "exe_modified" && key != "exe_changed") continue;
    const std::string before = value.text;
    bool found = false;
    for (const char* seconds : kSeconds) {
      value.text = seconds;
      found = same();
      if (found) break;
    }
    if (!found) value.text = before;
  }
  for (Draft& item : draft.items) steady_ages(item, same);
}

}  // namespace

void shrink(Draft& draft, const std::function<bool()>& same) {
  constexpr int kPassesMax = 4;
  Shrinker shrinker(same);
  for (int n = 0; n < kPassesMax && shrinker.pass(draft, false); ++n) continue;
  steady_ages(draft, same);
}

}  // namespace tiercel::casefile
