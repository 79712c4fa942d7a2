// What of a regular expression stands for itself: runs of plain letters and of groups of plain words. Anything else
// ends a run, and where the whole is an alternative nothing is certain.
#include <algorithm>
#include <cstdint>
#include <utility>

#include "agent/rule/push_texts.h"

namespace tiercel::rule {
namespace {

constexpr size_t kWordsMax = 64;
constexpr std::string_view kSpecial = "()[]{}.*+?|^$\\";
using Words = std::vector<std::string>;

bool is_special(char c) {
  return kSpecial.find(c) != std::string_view::npos;
}

// How much a word says: what is in the names of most files says less than a blank or the like.
size_t worth_of(std::string_view word) {
  size_t sum = 0;
  for (char c : word) {
    const bool usual = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
    sum += c == '/' ? 2 : usual ? 4 : 7;
  }
  return sum;
}

size_t least_worth(const Words& words) {
  size_t least = words.empty() ? 0 : SIZE_MAX;
  for (const std::string& word : words) least = std::min(least, worth_of(word));
  return least;
}

class Runs {
 public:
  explicit Runs(std::string_view pattern) : pattern_(pattern) {}

  Words find() {
    while (at_ < pattern_.size()) {
      if (pattern_[at_] == '|') return {};
      take();
    }
    end_run();
    return least_worth(best_) > 0 ? best_ : Words{};
  }

 private:
  void end_run() {
    if (least_worth(run_) > least_worth(best_)) best_ = run_;
    run_ = {""};
  }

  // One of the words that come next; none: something else does, and is passed by.
  Words next() {
    const char c = pattern_[at_++];
    if (!is_special(c)) return {std::string(1, c)};
    if (c == '[') return bracket();
    if (c == '(') return group();
    if (c != '\\' || at_ >= pattern_.size()) return {};
    const char escaped = pattern_[at_++];
    return is_special(escaped) ? Words{std::string(1, escaped)} : Words{};
  }

  Words bracket() {
    size_t end = at_;
    if (end < pattern_.size() && pattern_[end] == '^') ++end;
    if (end < pattern_.size() && pattern_[end] == ']') ++end;
    for (; end < pattern_.size() && pattern_[end] != ']'; ++end) {
      if (pattern_[end] == '\\') ++end;
      if (pattern_.substr(end, 2) == "[:") end = std::min(pattern_.find(":]", end), pattern_.size() - 1) + 1;
    }
    const std::string_view members = pattern_.substr(at_, std::min(end, pattern_.size()) - at_);
    at_ = std::min(end + 1, pattern_.size());
    return members.size() == 1 && members != "^" && members != "\\" ? Words{std::string(members)} : Words{};
  }

  // Of alternatives that are no plain words something of each is there, which does not join what is around the group.
  Words group() {
    Words words;
    bool plain = true;
    size_t begin = at_;
    for (size_t depth = 1; depth > 0 && at_ < pattern_.size();) {
      const char c = pattern_[at_++];
      if (c == '[') (void)bracket();
      if (c == '\\') ++at_;
      if (c == '(') ++depth;
      if (c == ')') --depth;
      const bool ends = depth == 0 || (c == '|' && depth == 1);
      plain &= ends || !is_special(c);
      if (!ends) continue;
      words.emplace_back(pattern_.substr(begin, at_ - 1 - begin));
      begin = at_;
      if (depth == 0) return plain ? words : loose(words);
    }
    return {};
  }

  Words loose(const Words& alternatives) {
    loose_.clear();
    for (const std::string& alternative : alternatives) {
      const Words words = Runs(alternative).find();
      if (words.empty()) return loose_ = {};
      loose_.insert(loose_.end(), words.begin(), words.end());
    }
    if (loose_.size() > kWordsMax) loose_.clear();
    return {};
  }

  void take() {
    loose_.clear();
    const Words words = next();
    const char after = at_ < pattern_.size() ? pattern_[at_] : '\0';
    const bool may_lack = after == '*' || after == '?' || after == '{';
    if (words.empty() || may_lack) {
      end_run();
      if (!may_lack && least_worth(loose_) > least_worth(best_)) best_ = loose_;
    } else {
      if (run_.size() * words.size() > kWordsMax) end_run();
      Words longer;
      for (const std::string& left : run_)
        for (const std::string& right : words) longer.push_back(left + right);
      run_ = std::move(longer);
    }
    if (!may_lack && after != '+') return;
    end_run();
    skip_repeat();
  }

  void skip_repeat() {
    if (pattern_[at_] == '{') at_ = std::min(pattern_.find('}', at_), pattern_.size() - 1);
    ++at_;
    while (at_ < pattern_.size() && (pattern_[at_] == '?' || pattern_[at_] == '+' || pattern_[at_] == '*')) ++at_;
  }

  std::string_view pattern_;
  size_t at_ = 0;
  Words run_{""}, best_;
  Words loose_;  // of the group that was passed by
};

}  // namespace

std::vector<std::string> words_of_regex(std::string_view pattern) {
  if (pattern.find("(?") != std::string_view::npos) return {};  // flags: letters may mean others
  return Runs(pattern).find();
}

}  // namespace tiercel::rule
