#include "agent/match/index.h"

#include <algorithm>
#include <cstring>

namespace tiercel::match {
namespace {

constexpr size_t kAddressMax = 16;

// Address with all but the first `bits` cleared, then the number of bits; returns the length.
size_t masked(std::string_view address, unsigned bits, std::array<char, kAddressMax + 1>& out) {
  out.fill(0);
  std::memcpy(out.data(), address.data(), std::min(address.size(), kAddressMax));
  for (size_t n = 0; n < address.size() && n < kAddressMax; ++n) {
    const unsigned kept = bits > n * 8 ? std::min<unsigned>(8, bits - static_cast<unsigned>(n) * 8) : 0;
    out[n] = static_cast<char>(out[n] & static_cast<char>(0xff00u >> kept));
  }
  out[address.size()] = static_cast<char>(bits);
  return address.size() + 1;
}

}  // namespace

std::string network_pattern(std::string_view address, unsigned bits) {
  std::array<char, kAddressMax + 1> key{};
  const size_t length = masked(address, bits, key);
  return {key.data(), length};
}

PatternId Index::find_network(std::string_view address, unsigned bits) const {
  std::array<char, kAddressMax + 1> key{};
  const size_t length = masked(address, bits, key);
  return networks_.find({key.data(), length});
}

PatternId Index::add(Kind kind, std::string_view pattern, PatternId& next) {
  std::string key(pattern);
  if (kind == Kind::kSuffix) std::reverse(key.begin(), key.end());  // the trie is walked from the end of the text
  auto [it, fresh] = adding_[static_cast<size_t>(kind)].try_emplace(std::move(key), next);
  if (fresh) ++next;
  return it->second;
}

std::vector<Pattern> Index::patterns(Kind kind) const {
  std::vector<Pattern> out;
  for (const auto& [text, id] : adding_[static_cast<size_t>(kind)]) out.push_back({text, id});
  std::sort(out.begin(), out.end(), [](const Pattern& a, const Pattern& b) { return a.id < b.id; });
  return out;
}

void Index::build() {
  exact_ = ExactTexts(patterns(Kind::kExact));
  prefix_ = ByteTrie(patterns(Kind::kPrefix));
  suffix_ = ByteTrie(patterns(Kind::kSuffix));
  contains_ = Substrings(patterns(Kind::kContains), Substrings::Case::kExact);
  icontains_ = Substrings(patterns(Kind::kIContains), Substrings::Case::kIgnore);
  for (const Pattern& pattern : patterns(Kind::kUnder)) under_.add(pattern.text, pattern.id);
  globs_ = GlobSet(patterns(Kind::kGlob));
  std::vector<std::pair<std::string, uint32_t>> regexes;
  for (const Pattern& pattern : patterns(Kind::kRegex)) regexes.emplace_back(pattern.text, pattern.id);
  regex_ = RegexSet(regexes);
  networks_ = ExactTexts(patterns(Kind::kNetwork));
  for (const Pattern& pattern : patterns(Kind::kNetwork)) {
    const std::pair size{pattern.text.size() - 1, static_cast<unsigned>(static_cast<uint8_t>(pattern.text.back()))};
    if (std::find(network_sizes_.begin(), network_sizes_.end(), size) == network_sizes_.end())
      network_sizes_.push_back(size);
  }
  adding_ = {};
}

}  // namespace tiercel::match
