#include "agent/match/regex.h"

#include <re2/filtered_re2.h>
#include <re2/re2.h>
#include <re2/set.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "agent/match/substrings.h"

namespace tiercel::match {
namespace {

constexpr int64_t kMemoryMax = 8 << 20;  // of one pattern; RE2 falls back to its NFA rather than grow

constexpr int64_t kSetMemoryMax = 64 << 20;
constexpr int kWordMin = 3;      // letters of a word that a pattern is known by; shorter ones are everywhere
constexpr size_t kAloneMax = 3;  // patterns that are tried one by one rather than all together

RE2::Options falco_options(int64_t memory_max) {
  RE2::Options options(RE2::POSIX);
  options.set_log_errors(false);
  options.set_max_mem(memory_max);
  return options;
}

// Bytes of the valid sequence at the start of text, 0 if it is not one (Unicode, table 3-7).
size_t sequence_length(std::string_view text) {
  auto byte = [&](size_t n) { return n < text.size() ? static_cast<unsigned char>(text[n]) : 0u; };
  auto tail = [&](size_t n) { return (byte(n) & 0xC0) == 0x80; };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return tail(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    const bool second = lead == 0xE0   ? byte(1) >= 0xA0 && byte(1) <= 0xBF
                        : lead == 0xED ? byte(1) >= 0x80 && byte(1) <= 0x9F
                                       : tail(1);
    return second && tail(2) ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    const bool second = lead == 0xF0   ? byte(1) >= 0x90 && byte(1) <= 0xBF
                        : lead == 0xF4 ? byte(1) >= 0x80 && byte(1) <= 0x8F
                                       : tail(1);
    return second && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

bool is_ascii(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0x80) == 0; });
}

// Whether RE2 knows words of which each text that the pattern matches has some, and our search for them finds the same:
// it folds the case of ASCII letters alone, and letters beyond may be written with a backslash.
bool has_words(const std::string& pattern) {
  for (size_t at = pattern.find('\\'); at != std::string::npos; at = pattern.find('\\', at + 2))
    if (at + 1 < pattern.size() && (pattern[at + 1] == 'x' || (pattern[at + 1] >= '0' && pattern[at + 1] <= '9')))
      return false;
  if (!is_ascii(pattern)) return false;
  re2::FilteredRE2 alone(kWordMin);
  int number = 0;
  std::vector<std::string> words;
  if (alone.Add(pattern, falco_options(kMemoryMax), &number) != RE2::NoError) return false;
  alone.Compile(&words);
  std::vector<int> without;  // what no word is needed for
  alone.AllPotentials({}, &without);
  return !words.empty() && without.empty() && std::all_of(words.begin(), words.end(), is_ascii);
}

}  // namespace

struct Regex::Impl {
  explicit Impl(const std::string& pattern, const RE2::Options& options) : re(pattern, options) {}
  RE2 re;
};

Regex::Regex(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Regex::~Regex() = default;

Result<std::shared_ptr<const Regex>> Regex::compile(const std::string& pattern) {
  const RE2::Options options = falco_options(kMemoryMax);
  auto impl = std::make_unique<Impl>(pattern, options);
  if (!impl->re.ok()) return fail("invalid regular expression: " + impl->re.error(), Fault::kUser);
  return std::shared_ptr<const Regex>(new Regex(std::move(impl)));
}

bool Regex::matches_whole(std::string_view text) const {
  std::string storage;
  const std::string_view valid = valid_utf8(text, storage);
  return RE2::FullMatch(re2::StringPiece(valid.data(), valid.size()), impl_->re);
}

// Patterns that are tried together, or where that needs too much memory one by one: the answer is the same.
class RegexSet::Group {
 public:
  void add(const std::string& pattern, uint32_t id, std::shared_ptr<const Regex> single) {
    all_ = set_.Add(pattern, nullptr) >= 0 && all_;
    ids_.push_back(id);
    single_.push_back(std::move(single));
  }
  void compile() { usable_ = all_ && !ids_.empty() && set_.Compile(); }
  [[nodiscard]] bool empty() const { return ids_.empty(); }
  void try_one(size_t n, std::string_view text, const std::function<void(uint32_t)>& found) const {
    if (single_[n]->matches_whole(text)) found(ids_[n]);
  }
  void find(std::string_view text, const std::function<void(uint32_t)>& found) const;

 private:
  RE2::Set set_{falco_options(kSetMemoryMax), RE2::ANCHOR_BOTH};
  std::vector<uint32_t> ids_;
  std::vector<std::shared_ptr<const Regex>> single_;
  bool all_ = true, usable_ = false;
};

void RegexSet::Group::find(std::string_view text, const std::function<void(uint32_t)>& found) const {
  RE2::Set::ErrorInfo error{RE2::Set::kNoError};
  if (usable_) {
    const re2::StringPiece piece(text.data(), text.size());
    // Without a list to fill, "none" is told without allocating.
    const bool any = set_.Match(piece, nullptr, &error);
    if (!any && error.kind == RE2::Set::kNoError) return;
    std::vector<int> hits;
    if (any && set_.Match(piece, &hits, &error)) {
      for (int hit : hits) found(ids_[static_cast<size_t>(hit)]);
      return;
    }
  }
  for (size_t n = 0; n < ids_.size(); ++n) try_one(n, text, found);
}

struct RegexSet::Impl {
  Group plain;     // say nothing of letters in a row
  Group filtered;  // each has words of which a text that it matches has some
  re2::FilteredRE2 filter{kWordMin};
  Substrings words;
};

RegexSet::RegexSet() = default;
RegexSet::~RegexSet() = default;
RegexSet::RegexSet(RegexSet&&) noexcept = default;
RegexSet& RegexSet::operator=(RegexSet&&) noexcept = default;

RegexSet::RegexSet(const std::vector<std::pair<std::string, uint32_t>>& patterns) {
  if (patterns.empty()) return;
  impl_ = std::make_unique<Impl>();
  for (const auto& [text, id] : patterns) {
    auto single = Regex::compile(text);
    if (!single) continue;  // was refused where it was written
    if (!has_words(text)) {
      impl_->plain.add(text, id, std::move(*single));
      continue;
    }
    int number = 0;
    impl_->filter.Add(text, falco_options(kMemoryMax), &number);
    impl_->filtered.add(text, id, std::move(*single));
  }
  impl_->plain.compile();
  impl_->filtered.compile();
  if (impl_->filtered.empty()) return;
  std::vector<std::string> words;
  impl_->filter.Compile(&words);
  impl_->words = Substrings(numbered(words), Substrings::Case::kIgnore);
}

void RegexSet::find(std::string_view text, const std::function<void(uint32_t)>& found) const {
  if (!impl_) return;
  std::vector<int> words;
  if (!impl_->filtered.empty())
    impl_->words.find(text, [&](PatternId word) { words.push_back(static_cast<int>(word)); });
  if (words.empty() && impl_->plain.empty()) return;
  std::string storage;
  const std::string_view valid = valid_utf8(text, storage);
  if (!impl_->plain.empty()) impl_->plain.find(valid, found);
  if (words.empty()) return;
  std::sort(words.begin(), words.end());
  words.erase(std::unique(words.begin(), words.end()), words.end());
  std::vector<int> worth;
  impl_->filter.AllPotentials(words, &worth);
  if (worth.size() > kAloneMax) return impl_->filtered.find(valid, found);
  for (int n : worth) impl_->filtered.try_one(static_cast<size_t>(n), valid, found);
}

std::string_view valid_utf8(std::string_view text, std::string& storage) {
  size_t at = 0;
  while (at < text.size()) {
    uint64_t word = 0;  // of ASCII alone: most texts are
    if (at + sizeof word <= text.size())
      std::memcpy(&word, text.data() + at, sizeof word);
    else
      word = UINT64_MAX;
    if ((word & 0x8080808080808080u) == 0) {
      at += sizeof word;
      continue;
    }
    const size_t n = sequence_length(text.substr(at));
    if (n == 0) break;
    at += n;
  }
  if (at == text.size()) return text;
  storage.assign(text.substr(0, at));
  while (at < text.size()) {
    const size_t n = sequence_length(text.substr(at));
    if (n == 0)
      storage += "\xEF\xBF\xBD";
    else
      storage.append(text.substr(at, n));
    at += n == 0 ? 1 : n;
  }
  return storage;
}

}  // namespace tiercel::match
