// Regular expressions as Falco has them: RE2 with POSIX syntax, the whole text must match, invalid UTF-8 in the text is
// replaced before matching. The only door to RE2. Immutable, any thread; compile() reports a bad pattern.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/base/result.h"

namespace tiercel::match {

class Regex {
 public:
  static Result<std::shared_ptr<const Regex>> compile(const std::string& pattern);
  ~Regex();
  Regex(const Regex&) = delete;
  Regex& operator=(const Regex&) = delete;
  [[nodiscard]] bool matches_whole(std::string_view text) const;

 private:
  struct Impl;
  explicit Regex(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Many patterns in one pass (RE2::Set), which is not made where the text has none of the words that the patterns need.
class RegexSet {
 public:
  RegexSet();
  // patterns: those that Regex::compile() took, with their numbers.
  explicit RegexSet(const std::vector<std::pair<std::string, uint32_t>>& patterns);
  ~RegexSet();
  RegexSet(RegexSet&&) noexcept;
  RegexSet& operator=(RegexSet&&) noexcept;
  void find(std::string_view text, const std::function<void(uint32_t)>& found) const;

 private:
  class Group;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Invalid sequences become U+FFFD; valid text is returned as it is, without a copy (`storage` is used otherwise).
[[nodiscard]] std::string_view valid_utf8(std::string_view text, std::string& storage);

}  // namespace tiercel::match
