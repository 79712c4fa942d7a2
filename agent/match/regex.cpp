#include "agent/match/regex.h"

#include <re2/re2.h>
#include <re2/set.h>

#include <utility>

namespace tiercel::match {
namespace {

constexpr int64_t kMemoryMax = 8 << 20;  // of one pattern; RE2 falls back to its NFA rather than grow

constexpr int64_t kSetMemoryMax = 64 << 20;

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

struct RegexSet::Impl {
  RE2::Set set{falco_options(kSetMemoryMax), RE2::ANCHOR_BOTH};
  std::vector<uint32_t> ids;
  std::vector<std::shared_ptr<const Regex>> single;
  bool usable = false;
};

RegexSet::RegexSet() = default;
RegexSet::~RegexSet() = default;
RegexSet::RegexSet(RegexSet&&) noexcept = default;
RegexSet& RegexSet::operator=(RegexSet&&) noexcept = default;

RegexSet::RegexSet(const std::vector<std::pair<std::string, uint32_t>>& patterns) {
  if (patterns.empty()) return;
  impl_ = std::make_unique<Impl>();
  bool all = true;
  for (const auto& [text, id] : patterns) {
    auto single = Regex::compile(text);
    if (!single) continue;  // was refused where it was written
    impl_->single.push_back(std::move(*single));
    impl_->ids.push_back(id);
    all = impl_->set.Add(text, nullptr) >= 0 && all;
  }
  impl_->usable = all && impl_->set.Compile();
}

void RegexSet::find(std::string_view text, const std::function<void(uint32_t)>& found) const {
  if (!impl_) return;
  std::string storage;
  const std::string_view valid = valid_utf8(text, storage);
  const re2::StringPiece piece(valid.data(), valid.size());
  RE2::Set::ErrorInfo error{RE2::Set::kNoError};
  if (impl_->usable) {
    // Without a list to fill, "none" is told without allocating.
    const bool any = impl_->set.Match(piece, nullptr, &error);
    if (!any && error.kind == RE2::Set::kNoError) return;
    std::vector<int> hits;
    if (any && impl_->set.Match(piece, &hits, &error)) {
      for (int hit : hits) found(impl_->ids[static_cast<size_t>(hit)]);
      return;
    }
  }
  for (size_t n = 0; n < impl_->single.size(); ++n)
    if (impl_->single[n]->matches_whole(valid)) found(impl_->ids[n]);
}

std::string_view valid_utf8(std::string_view text, std::string& storage) {
  size_t at = 0;
  while (at < text.size()) {
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
