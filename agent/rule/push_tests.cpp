#include "agent/rule/push_tests.h"

#include <algorithm>
#include <string_view>

#include "agent/rule/literals.h"
#include "decoders/catalog.h"

namespace tiercel::rule {
namespace {

PushFacts fact(uint32_t number) {
  PushFacts out{};
  out[number / 64] = uint64_t{1} << (number % 64);
  return out;
}

PushFacts either(bool holds, uint32_t number) {
  return fact(holds ? number : number + 1);
}

struct Flag {
  std::string_view field;
  push_fact fact;
};
constexpr Flag kFlags[] = {{"evt.failed", PF_FAILED},
                           {"evt.is_open_read", PF_READS},
                           {"evt.is_open_write", PF_WRITES},
                           {"evt.is_open_exec", PF_MAKES_EXECUTABLE},
                           {"evt.is_open_create", PF_CREATES}};

// Paths as conditions see them, which are all paths that an event has: made absolute, as written, as the kernel has it;
// and what is known of the program that runs.
struct PathField {
  std::string_view field;
  enum class Part : uint8_t { kWhole, kFolder, kName } part = Part::kWhole;
  PushText of = PushText::kPath;
};
constexpr PathField kPaths[] = {{"fd.name"},
                                {"fd.nameraw"},
                                {"fd.realpath"},
                                {"fs.path.name"},
                                {"fs.path.nameraw"},
                                {"fd.directory", PathField::Part::kFolder},
                                {"fd.filename", PathField::Part::kName},
                                {"proc.exepath", PathField::Part::kWhole, PushText::kExe},
                                {"proc.name", PathField::Part::kWhole, PushText::kName}};

bool is_plain(const Program& program, const Test& test) {
  const Operand& operand = program.operands[test.operand];
  const bool of_name = operand.kind == Operand::Kind::kTransformer && operand.transformer == Transformer::kBasename &&
                       operand.parts.size() == 1;
  const Operand& field = of_name ? program.operands[operand.parts.front()] : operand;
  return field.kind == Operand::Kind::kField && field.field && test.right == Test::kNoRight && !test.dynamic &&
         test.over == Test::Over::kOne && !test.literals.empty();
}

// The field that the test is about, and whether of its last component alone.
std::pair<std::string_view, bool> path_field(const Program& program, const Test& test) {
  const Operand& operand = program.operands[test.operand];
  if (operand.kind == Operand::Kind::kTransformer) return {program.operands[operand.parts.front()].field->name, true};
  return {operand.field->name, false};
}

bool is_membership(Op op) {
  return op == Op::kEq || op == Op::kIn || op == Op::kIntersects;
}

std::optional<PushFacts> flag_facts(const Test& test, push_fact number, bool answer) {
  if (test.literals.size() != 1 || (!is_membership(test.op) && test.op != Op::kNe)) return std::nullopt;
  const bool wanted = test.literals.front()->value.b == (test.op != Op::kNe);
  if (number == PF_FAILED) return either(wanted != answer, PF_SUCCEEDED);
  return either(wanted == answer, number);
}

// Of a result: what its sign says.
std::optional<PushFacts> result_facts(const Test& test, bool answer) {
  if (test.literals.size() != 1 || test.modifier != Modifier::kNone) return std::nullopt;
  const auto value = static_cast<int64_t>(test.literals.front()->value.u);
  const PushFacts succeeded = fact(PF_SUCCEEDED), failed = fact(PF_FAILED);
  switch (test.op) {
    case Op::kGe:
      if (value >= 0 && answer) return succeeded;
      return value <= 0 && !answer ? std::optional(failed) : std::nullopt;
    case Op::kGt:
      if (value >= -1 && answer) return succeeded;
      return value <= -1 && !answer ? std::optional(failed) : std::nullopt;
    case Op::kLt:
      if (value <= 0 && answer) return failed;
      return value >= 0 && !answer ? std::optional(succeeded) : std::nullopt;
    case Op::kLe:
      if (value < 0 && answer) return failed;
      return value >= -1 && !answer ? std::optional(succeeded) : std::nullopt;
    case Op::kEq:
    case Op::kIn:
      if (!answer) return std::nullopt;
      return value >= 0 ? succeeded : failed;
    case Op::kNe:
      if (answer) return std::nullopt;
      return value >= 0 ? succeeded : failed;
    default:
      return std::nullopt;
  }
}

std::optional<PushFacts> user_facts(const Test& test, bool answer) {
  if (!is_membership(test.op) && test.op != Op::kNe) return std::nullopt;
  const bool all_root =
      std::all_of(test.literals.begin(), test.literals.end(), [](const auto& l) { return l->value.u == 0; });
  const bool none_root =
      std::none_of(test.literals.begin(), test.literals.end(), [](const auto& l) { return l->value.u == 0; });
  const bool inside = answer == (test.op != Op::kNe);
  if (inside) {
    if (all_root) return fact(PF_ROOT);
    return none_root ? std::optional(fact(PF_ROOT_NOT)) : std::nullopt;
  }
  return none_root ? std::nullopt : std::optional(fact(PF_ROOT_NOT));  // not root, which is among them
}

// What no event of these types has: of two paths, and parameters of other calls.
bool is_missing(const Operand& operand) {
  constexpr std::string_view kOfTwoPaths[] = {"fs.path.source", "fs.path.sourceraw", "fs.path.target",
                                              "fs.path.targetraw"};
  const std::string_view field = operand.field->name;
  if (std::find(std::begin(kOfTwoPaths), std::end(kOfTwoPaths), field) != std::end(kOfTwoPaths)) return true;
  if (!operand.arg.given || field != "evt.arg" || (operand.arg.text.empty() || operand.arg.index >= 0)) return false;
  return std::all_of(std::begin(kPushed), std::end(kPushed), [&](uint16_t type) {
    const auto& params = decoders::event_info(type)->params;
    return std::none_of(params.begin(), params.end(),
                        [&](const auto& param) { return param.name == operand.arg.text; });
  });
}

// Words of open()'s flags.
std::optional<PushFacts> open_flags_facts(const Test& test, bool answer) {
  const bool truncates =
      std::all_of(test.literals.begin(), test.literals.end(), [](const auto& l) { return l->text == "O_TRUNC"; });
  return test.op == Op::kContains && truncates ? std::optional(either(answer, PF_TRUNCATES)) : std::nullopt;
}

// Of a folder: where the path goes on behind it. Of a name: behind the last slash.
void make_part(PathField::Part part, PushPiece& piece) {
  if (part == PathField::Part::kFolder && piece.at_end) {
    piece.at_end = false;
    if (!piece.text.ends_with('/')) piece.text += '/';
  }
  if (part == PathField::Part::kName && piece.at_begin) {
    piece.at_begin = false;
    if (!piece.text.starts_with('/')) piece.text.insert(0, "/");
  }
}

}  // namespace

// Texts of opens share facts when there are no more: more is found than there is.
std::optional<uint32_t> PushTests::new_fact(bool of_program) {
  if (!of_program) return PF_TEXTS + (next_++ - PF_TEXTS) % (PF_PROGRAM - PF_TEXTS);
  if (next_of_program_ >= PUSH_BITS) return std::nullopt;
  of_program_[next_of_program_ / 64] |= uint64_t{1} << (next_of_program_ % 64);
  return next_of_program_++;
}

std::optional<PushFacts> PushTests::text_facts(uint32_t index, const Test& test) {
  if (const auto found = known_.find(index); found != known_.end()) return found->second;
  const std::pair<std::string_view, bool> of = path_field(program_, test);
  const auto* path =
      std::find_if(std::begin(kPaths), std::end(kPaths), [&](const PathField& p) { return p.field == of.first; });
  std::optional<PushFacts>& out = known_[index];
  if (path == std::end(kPaths)) return out;
  std::vector<PushPiece> pieces;
  for (const auto& literal : test.literals) {
    const std::vector<PushPiece> found = pieces_of(test.op, literal->text);
    if (found.empty()) return out;
    for (PushPiece piece : found) {
      make_part(of.second ? PathField::Part::kName : path->part, piece);
      pieces.push_back(std::move(piece));
    }
  }
  const std::optional<uint32_t> number = new_fact(path->of != PushText::kPath);
  if (!number) return out;
  for (PushPiece& piece : pieces) {
    piece.of = path->of;
    if (test.op == Op::kPmatch && path->of != PushText::kPath && piece.at_begin) {  // these may have no first slash
      piece.text.erase(0, 1);
      piece.at_begin = false;
      if (piece.text.empty()) return out;
    }
    texts_.add(piece, *number);
  }
  return out = fact(*number);
}

std::optional<PushFacts> PushTests::facts_of(const Wanted& wanted) {
  const Test& test = program_.tests[wanted.test];
  if (!is_plain(program_, test)) return std::nullopt;
  const Operand& operand = program_.operands[test.operand];
  if (operand.kind == Operand::Kind::kTransformer) return wanted.answer ? text_facts(wanted.test, test) : std::nullopt;
  const std::string_view field = operand.field->name;
  if (wanted.answer && is_missing(operand)) return PushFacts{};
  if (operand.arg.given)
    return (field == "evt.arg" && operand.arg.text == "flags") ? open_flags_facts(test, wanted.answer) : std::nullopt;
  for (const Flag& flag : kFlags)
    if (flag.field == field) return flag_facts(test, flag.fact, wanted.answer);
  if (field == "fd.num" || field == "evt.rawres") return result_facts(test, wanted.answer);
  if (field == "user.uid") return user_facts(test, wanted.answer);
  return wanted.answer ? text_facts(wanted.test, test) : std::nullopt;
}

}  // namespace tiercel::rule
