// The structures of agent/match against the obvious way of asking each pattern by itself, on random texts over a small
// alphabet, where overlaps, shared beginnings and empty patterns are common.
#include <doctest/doctest.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <random>
#include <set>

#include "agent/match/index.h"

using namespace tiercel::match;

namespace {

std::string random_text(std::mt19937& random, const std::string& alphabet, size_t most) {
  std::string out;
  for (size_t n = random() % (most + 1); n > 0; --n) out += alphabet[random() % alphabet.size()];
  return out;
}

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

bool holds(Kind kind, const std::string& text, const std::string& pattern) {
  switch (kind) {
    case Kind::kExact:
      return text == pattern;
    case Kind::kPrefix:
      return text.compare(0, pattern.size(), pattern) == 0;
    case Kind::kSuffix:
      return text.size() >= pattern.size() && text.compare(text.size() - pattern.size(), pattern.size(), pattern) == 0;
    case Kind::kContains:
      return text.find(pattern) != std::string::npos;
    case Kind::kIContains:
      return lower(text).find(pattern) != std::string::npos;
    default:
      return false;
  }
}

void check_kind(Kind kind, const std::string& alphabet, size_t patterns, size_t longest, unsigned seed) {
  std::mt19937 random(seed);
  Index index;
  PatternId next = 0;
  std::vector<std::string> texts;
  for (size_t n = 0; n < patterns; ++n) {
    std::string text = random_text(random, alphabet, longest);
    if (kind == Kind::kIContains) text = lower(text);
    if (index.add(kind, text, next) == texts.size()) texts.push_back(text);
  }
  REQUIRE(next == texts.size());
  index.build();
  for (int round = 0; round < 300; ++round) {
    const std::string text = random_text(random, alphabet, 40);
    std::set<PatternId> found, wanted;
    index.find(kind, text, [&](PatternId id) { found.insert(id); });
    for (PatternId id = 0; id < texts.size(); ++id)
      if (holds(kind, text, texts[id])) wanted.insert(id);
    CAPTURE(text);
    CHECK(found == wanted);
  }
}

std::set<PatternId> ask(const Index& index, Kind kind, std::string_view text) {
  std::set<PatternId> found;
  index.find(kind, text, [&](PatternId id) { found.insert(id); });
  return found;
}

}  // namespace

TEST_CASE("every kind finds what asking each pattern by itself finds") {
  unsigned seed = 1;
  for (Kind kind : {Kind::kExact, Kind::kPrefix, Kind::kSuffix, Kind::kContains, Kind::kIContains})
    for (const std::string& alphabet : {std::string("ab"), std::string("aAbB/."), std::string("\x01\xff\x80z", 4)})
      for (size_t patterns : {1u, 3u, 40u, 600u})
        for (size_t longest : {3u, 9u}) check_kind(kind, alphabet, patterns, longest, seed++);
}

TEST_CASE("long patterns and all bytes: the filter skips nothing") {
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  std::mt19937 random(7);
  Index index;
  PatternId next = 0;
  std::vector<std::string> texts;
  for (int n = 0; n < 2000; ++n) {
    std::string text;
    for (int k = 0; k < 12 + n % 30; ++k) text += all[random() % all.size()];
    if (index.add(Kind::kContains, text, next) == texts.size()) texts.push_back(text);
  }
  index.build();
  for (size_t n = 0; n < texts.size(); ++n) {
    const std::string around = random_text(random, all, 20);
    CHECK(ask(index, Kind::kContains, around + texts[n] + around).contains(static_cast<PatternId>(n)));
    CHECK_FALSE(ask(index, Kind::kContains, texts[n].substr(1)).contains(static_cast<PatternId>(n)));
  }
}

TEST_CASE("a text made to be slow is answered in one pass") {
  Index index;
  PatternId next = 0;
  for (size_t n = 1; n < 400; ++n) index.add(Kind::kContains, std::string(n, 'a') + "b", next);
  index.build();
  const std::string text(200'000, 'a');
  CHECK(ask(index, Kind::kContains, text).empty());
  CHECK(ask(index, Kind::kContains, text + "b").size() == 399);
}

TEST_CASE("paths, networks and regular expressions share a pass too") {
  Index index;
  PatternId next = 0;
  const PatternId etc = index.add(Kind::kUnder, "/etc", next), any = index.add(Kind::kUnder, "/*/ssh", next);
  const PatternId ten = index.add(Kind::kNetwork, network_pattern(std::string_view("\x0a\x01\x02\x03", 4), 8), next);
  const PatternId all4 = index.add(Kind::kNetwork, network_pattern(std::string_view("\x7f\0\0\1", 4), 0), next);
  const std::string six("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16);
  const PatternId doc = index.add(Kind::kNetwork, network_pattern(six, 29), next);
  const PatternId word = index.add(Kind::kRegex, "[a-z]+", next),
                  digits = index.add(Kind::kRegex, "[a-z]*[0-9]+", next);
  index.build();
  using Ids = std::set<PatternId>;
  CHECK(ask(index, Kind::kUnder, "/etc/ssh/sshd_config") == Ids{etc, any});
  CHECK(ask(index, Kind::kUnder, "/var/ssh") == Ids{any});
  CHECK(ask(index, Kind::kUnder, "/etcetera").empty());
  CHECK(ask(index, Kind::kNetwork, std::string_view("\x0a\xff\0\0", 4)) == Ids{ten, all4});
  CHECK(ask(index, Kind::kNetwork, std::string_view("\x0b\xff\0\0", 4)) == Ids{all4});
  std::string near = six;
  near[3] = static_cast<char>(0xbf);  // the first 29 bits are the same
  CHECK(ask(index, Kind::kNetwork, near) == Ids{doc});
  near[3] = static_cast<char>(0xb0);
  CHECK(ask(index, Kind::kNetwork, near).empty());
  CHECK(ask(index, Kind::kRegex, "abc") == Ids{word});
  CHECK(ask(index, Kind::kRegex, "abc7") == Ids{digits});
  CHECK(ask(index, Kind::kRegex, "abc7!").empty());
}
