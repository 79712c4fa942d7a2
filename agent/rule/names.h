// Guessing what a name was meant to be, for hints. Pure.
#pragma once

#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tiercel::rule {

// The candidate that is closest to the word (edit distance, at most a third of its length); "" if none is close.
[[nodiscard]] std::string nearest(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace tiercel::rule
