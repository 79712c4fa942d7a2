// Shell patterns and regular expressions that are tried only where a piece of them occurs, against trying each; and
// what is kept for a program's image.
#include <doctest/doctest.h>
#include <algorithm>

#include <random>
#include <set>
#include <string>
#include <vector>

#include "agent/match/index.h"
#include "agent/match/path_trie.h"
#include "agent/match/regex.h"
#include "agent/rule/image_cache.h"

using namespace tiercel::match;
using tiercel::context::Image;
using tiercel::rule::ImageCache;

namespace {

using Random = std::mt19937;

std::string joined(Random& random, const std::vector<std::string>& pieces, size_t most) {
  std::string out;
  for (size_t n = random() % (most + 1); n > 0; --n) out += pieces[random() % pieces.size()];
  return out;
}

const std::vector<std::string> kTextPieces = {
    "shadow", "/etc/",        "cron.", "d", "conf", ".ssh/id_", "SHADOW", "/",    "x", " ", "fire",
    "wall",   "\xe2\x84\xaa", "main4", "*", "\\",   "[",        "black",  "\xff", "k", "\n"};

std::set<PatternId> asked(const Index& index, Kind kind, std::string_view text) {
  std::set<PatternId> found;
  index.find(kind, text, [&](PatternId id) { found.insert(id); });
  return found;
}

}  // namespace

TEST_CASE("shell patterns are found by their longest run as by trying each") {
  const std::vector<std::string> pieces = {"shadow", "/etc/", "cron.",  "*",    "?",      "[ds]", "[!x]", "[^/]", "\\*",
                                           "\\",     "[",     "/.ssh/", "conf", "*black", "[:",   "]",    "x",    "d"};
  Random random(11);
  size_t hits = 0;
  for (const size_t count : {1u, 8u, 60u, 1'500u}) {
    Index index;
    PatternId next = 0;
    std::vector<std::string> patterns;
    for (size_t n = 0; n < count; ++n) {
      std::string pattern = (random() % 2 == 0 ? "*" : "") + joined(random, pieces, 4) + (random() % 2 == 0 ? "*" : "");
      if (index.add(Kind::kGlob, pattern, next) == patterns.size()) patterns.push_back(std::move(pattern));
    }
    index.build();
    for (int round = 0; round < 150; ++round) {
      const std::string text = joined(random, kTextPieces, 7);
      std::set<PatternId> wanted;
      for (PatternId id = 0; id < patterns.size(); ++id)
        if (glob_match(patterns[id], text)) wanted.insert(id);
      CAPTURE(text);
      CHECK(asked(index, Kind::kGlob, text) == wanted);
      hits += wanted.size();
    }
  }
  CHECK(hits > 1'000);
}

TEST_CASE("regular expressions are found by their words as by trying each") {
  const std::vector<std::string> pieces = {"shadow",
                                           "(.|[[:space:]])*",
                                           "[^ ]*",
                                           "(cron[.])?",
                                           "(fire|black)",
                                           "wall",
                                           "[kK]",
                                           "x+",
                                           ".*",
                                           "conf|main4",
                                           "/etc/",
                                           "\\x{212a}",
                                           "\\.",
                                           "main[46]",
                                           "\xe2\x84\xaa",
                                           "(x|)",
                                           "[ /]",
                                           "(k|d)?",
                                           "id_",
                                           "(SHADOW|shadow)+",
                                           "\\*",
                                           "d{1,2}",
                                           "^",
                                           "$"};
  Random random(12);
  size_t hits = 0;
  for (const size_t count : {1u, 6u, 40u, 200u}) {
    Index index;
    PatternId next = 0;
    std::vector<std::shared_ptr<const Regex>> patterns;
    while (patterns.size() < count) {
      const std::string pattern =
          (random() % 2 == 0 ? ".*" : "") + joined(random, pieces, 4) + (random() % 2 == 0 ? ".*" : "");
      auto compiled = Regex::compile(pattern);
      if (compiled && index.add(Kind::kRegex, pattern, next) == patterns.size()) patterns.push_back(*compiled);
      if (!compiled) continue;
      if (count == 1) break;
    }
    index.build();
    for (int round = 0; round < 150; ++round) {
      const std::string text = joined(random, kTextPieces, 7);
      std::set<PatternId> wanted;
      for (PatternId id = 0; id < patterns.size(); ++id)
        if (patterns[id]->matches_whole(text)) wanted.insert(id);
      CAPTURE(text);
      CHECK(asked(index, Kind::kRegex, text) == wanted);
      hits += wanted.size();
    }
  }
  CHECK(hits > 1'000);
}

TEST_CASE("what was found for an image is told for it alone") {
  auto cache = std::make_unique<ImageCache>();
  cache->bind(3);
  const std::vector<PatternId> some = {4, 7};
  std::vector<std::shared_ptr<const Image>> images;
  for (int n = 0; n < 2'000; ++n) {
    // half of them end at once: their address is given to others
    const auto image = std::make_shared<const Image>();
    if (n % 2 == 0) images.push_back(image);
    tiercel::rule::FoundTexts& entry = cache->of(image);
    CHECK_FALSE(entry.found(1));
    entry.keep(1, some);
    REQUIRE(cache->of(image).found(1));
    CHECK(std::ranges::equal(*cache->of(image).found(1), some));
    CHECK_FALSE(cache->of(image).found(0));
    CHECK_FALSE(cache->of(image).found(2));
  }
}
