// PushTexts: pieces that tests need somewhere in a path, and the automaton that finds them in the kernel
// (bpf/schema/push.h). A piece is what is left of a pattern when everything that needs more than looking is taken off:
// a path that satisfies the test has the piece; one that has it may still not satisfy it. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "agent/rule/ast.h"
#include "bpf/schema/push.h"

namespace tiercel::rule {

enum class PushText : uint8_t {
  kPath,
  kExe,
  kName,
  kSocket
};  // of a call; the program's path and name; a socket's name

struct PushPiece {
  std::string text;
  bool at_begin = false, at_end = false;
  PushText of = PushText::kPath;
  auto operator<=>(const PushPiece&) const = default;
};

// Of `operator "pattern"` on a whole path: one of these is there. None: nothing is certain to be. A pattern with gaps
// has several runs of letters, and each is needed: rank 1 is what says most after rank 0, or that itself.
[[nodiscard]] std::vector<PushPiece> pieces_of(Op op, std::string_view pattern, unsigned rank = 0);
// The same of a regular expression.
[[nodiscard]] std::vector<std::string> words_of_regex(std::string_view pattern);

class PushTexts {
 public:
  // The fact that says that the piece is there: one that others share, if there are more than bits.
  void add(const PushPiece& piece, uint32_t fact) { pieces_[piece].push_back(fact); }
  // False: too many pieces for the kernel's tables.
  [[nodiscard]] bool build(push_set& set) const;

 private:
  struct Node {
    std::map<uint8_t, uint32_t> children;  // by class
    uint32_t fail = 0;
    std::array<uint64_t, PUSH_WORDS> facts{};
  };
  [[nodiscard]] std::array<uint8_t, 256> classes() const;
  void add_to(std::vector<Node>& nodes, const PushPiece& piece, const std::vector<uint32_t>& facts,
              const std::array<uint8_t, 256>& classes) const;
  std::map<PushPiece, std::vector<uint32_t>> pieces_;
};

}  // namespace tiercel::rule
