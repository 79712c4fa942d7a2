#include "agent/rule/push_texts.h"

#include <algorithm>
#include <deque>
#include <utility>

namespace tiercel::rule {
namespace {

constexpr size_t kPieceMax = 28;  // more says little more, and costs states
constexpr uint8_t kFirstClass = PUSH_BEGIN_NAME + 1;

size_t worth_of(const PushPiece& piece) {
  return piece.text.size() + (piece.at_begin ? 1 : 0) + (piece.at_end ? 1 : 0);
}

// Of a shell pattern, what stands for itself: what says most comes first.
std::vector<PushPiece> runs_of(std::string_view pattern) {
  std::vector<PushPiece> out;
  PushPiece run;
  run.at_begin = true;
  const auto end_run = [&](bool at_end) {
    run.at_end = at_end;
    if (!run.text.empty()) out.push_back(run);
    run = {};
  };
  size_t at = 0;
  for (; at < pattern.size(); ++at) {
    const char c = pattern[at];
    if (c != '*' && c != '?' && c != '[' && c != '\\') {
      run.text += c;
      continue;
    }
    end_run(false);
    if (c == '\\') ++at;
    if (c != '[') continue;
    // to the bracket's end; one that comes first is a member, and classes have brackets of their own: to the last one
    const size_t close = pattern.rfind(']');
    if (close == std::string_view::npos || close <= at) break;
    at = close;
  }
  if (at >= pattern.size()) end_run(true);
  std::stable_sort(out.begin(), out.end(),
                   [](const PushPiece& a, const PushPiece& b) { return worth_of(a) > worth_of(b); });
  return out;
}

PushPiece run_of(std::string_view pattern, unsigned rank) {
  constexpr size_t kSecondMin = 3;  // less is in most paths
  const std::vector<PushPiece> runs = runs_of(pattern);
  if (runs.empty()) return {};
  return runs.size() > rank && (rank == 0 || worth_of(runs[rank]) >= kSecondMin) ? runs[rank] : runs.front();
}

void cut(PushPiece& piece) {
  if (piece.text.size() <= kPieceMax) return;
  if (piece.at_begin && !piece.at_end) {
    piece.text.resize(kPieceMax);
    return;
  }
  piece.text.erase(0, piece.text.size() - kPieceMax);
  piece.at_begin = false;
}

// As pmatch reads it: folder by folder, with a slash before the first. Empty: a folder that cleaning takes away.
std::string components_of(std::string_view path) {
  std::string out;
  while (!path.empty()) {
    const size_t end = std::min(path.find('/'), path.size());
    const std::string_view component = path.substr(0, end);
    path.remove_prefix(std::min(end + 1, path.size()));
    if (component == "." || component == "..") return {};
    if (!component.empty()) out.append("/").append(component);
  }
  return out;
}

}  // namespace

std::vector<PushPiece> pieces_of(Op op, std::string_view pattern, unsigned rank) {
  std::vector<PushPiece> of_regex;
  if (op == Op::kRegex)
    for (std::string& word : words_of_regex(pattern))
      cut(of_regex.emplace_back(PushPiece{std::move(word), false, false}));
  PushPiece out;
  switch (op) {
    case Op::kEq:
    case Op::kIn:
    case Op::kIntersects:
      out = {std::string(pattern), true, true};
      break;
    case Op::kStartsWith:
      out = {std::string(pattern), true, false};
      break;
    case Op::kEndsWith:
      out = {std::string(pattern), false, true};
      break;
    case Op::kContains:
      out = {std::string(pattern), false, false};
      break;
    case Op::kGlob:
      out = run_of(pattern, rank);
      break;
    case Op::kPmatch: {
      // of a folder and all that is in it; what the pattern's end says holds for a component
      out = run_of(components_of(pattern), rank);
      out.at_end = false;
      break;
    }
    default:
      return of_regex;
  }
  if (out.text.empty()) return {};
  cut(out);
  return {out};
}

// Bytes that no piece has are class 0. Of more bytes than classes some share one, and pieces are found too often.
std::array<uint8_t, 256> PushTexts::classes() const {
  std::array<size_t, 256> uses{};
  for (const auto& [piece, facts] : pieces_)
    for (char c : piece.text) ++uses[static_cast<uint8_t>(c)];
  std::vector<int> used;
  for (int byte = 0; byte < 256; ++byte)
    if (uses[static_cast<size_t>(byte)] > 0) used.push_back(byte);
  std::stable_sort(used.begin(), used.end(),
                   [&](int a, int b) { return uses[static_cast<size_t>(a)] > uses[static_cast<size_t>(b)]; });
  std::array<uint8_t, 256> out{};
  size_t next = kFirstClass;
  for (int byte : used)
    out[static_cast<size_t>(byte)] = static_cast<uint8_t>(next < PUSH_CLASSES_MAX ? next++ : PUSH_CLASSES_MAX - 1);
  return out;
}

void PushTexts::add_to(std::vector<Node>& nodes, const PushPiece& piece, const std::vector<uint32_t>& facts,
                       const std::array<uint8_t, 256>& classes) const {
  uint32_t at = 0;
  const auto step = [&](uint8_t c) {
    const auto [child, is_new] = nodes[at].children.emplace(c, static_cast<uint32_t>(nodes.size()));
    at = child->second;
    if (is_new) nodes.emplace_back();
  };
  constexpr uint8_t kBegins[] = {PUSH_BEGIN, PUSH_BEGIN_EXE, PUSH_BEGIN_NAME, PUSH_BEGIN};
  if (piece.at_begin) step(kBegins[static_cast<size_t>(piece.of)]);
  for (char c : piece.text) step(classes[static_cast<uint8_t>(c)]);
  if (piece.at_end) step(PUSH_END);
  for (uint32_t fact : facts) nodes[at].facts[fact / 64] |= uint64_t{1} << (fact % 64);
}

bool PushTexts::build(push_set& set) const {
  const std::array<uint8_t, 256> class_of = classes();
  std::vector<Node> nodes(1);
  for (const auto& [piece, facts] : pieces_) add_to(nodes, piece, facts, class_of);
  if (nodes.size() > PUSH_STATES_MAX) return false;
  std::copy(class_of.begin(), class_of.end(), set.class_of);
  std::vector<std::array<uint64_t, PUSH_WORDS>> outs(1);
  const auto row = [&](size_t state) { return set.next + state * PUSH_CLASSES_MAX; };
  std::deque<uint32_t> todo{0};
  while (!todo.empty()) {
    const uint32_t at = todo.front();
    todo.pop_front();
    Node& node = nodes[at];
    if (at != 0) {
      for (size_t w = 0; w < PUSH_WORDS; ++w) node.facts[w] |= nodes[node.fail].facts[w];
      std::copy_n(row(node.fail), PUSH_CLASSES_MAX, row(at));
    }
    for (const auto& [c, child] : node.children) {
      nodes[child].fail = at == 0 ? 0 : set.next[node.fail * PUSH_CLASSES_MAX + c];
      todo.push_back(child);
    }
    for (const auto& [c, child] : node.children) row(at)[c] = static_cast<uint16_t>(child);
    if (node.facts == std::array<uint64_t, PUSH_WORDS>{}) continue;
    auto out = std::find(outs.begin(), outs.end(), node.facts);
    if (out == outs.end()) out = outs.insert(outs.end(), node.facts);
    if (outs.size() > PUSH_OUTS_MAX) return false;
    set.out_of[at] = static_cast<uint16_t>(out - outs.begin());
  }
  for (size_t n = 0; n < outs.size(); ++n) std::copy(outs[n].begin(), outs[n].end(), set.outs[n].facts);
  set.begin = row(0)[PUSH_BEGIN];
  set.begin_exe = row(0)[PUSH_BEGIN_EXE];
  set.begin_name = row(0)[PUSH_BEGIN_NAME];
  set.states = static_cast<uint32_t>(nodes.size());
  set.class_of[static_cast<uint8_t>('.')] |= PUSH_DOT;
  set.class_of[static_cast<uint8_t>('/')] |= PUSH_SLASH;
  for (size_t at = 0; at < nodes.size() * PUSH_CLASSES_MAX; ++at)
    if (set.out_of[set.next[at]] != 0) set.next[at] |= PUSH_FINDS;
  return true;
}

}  // namespace tiercel::rule
