#include "agent/rule/push_tests.h"

#include <algorithm>
#include <iterator>
#include <span>
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
// Of calls with two paths the kernel looks at both for either.
struct PathField {
  std::string_view field;
  enum class Part : uint8_t { kWhole, kFolder, kName, kFromSlash } part = Part::kWhole;
  PushText of = PushText::kPath;
};
constexpr PathField kOpened[] = {{"fd.name"},
                                 {"fd.nameraw"},
                                 {"fd.realpath"},
                                 {"fs.path.name"},
                                 {"fs.path.nameraw"},
                                 {"fd.directory", PathField::Part::kFolder},
                                 {"fd.filename", PathField::Part::kName}};
constexpr PathField kNamed[] = {{"fs.path.name"},      {"fs.path.nameraw"}, {"fs.path.source"},
                                {"fs.path.sourceraw"}, {"fs.path.target"},  {"fs.path.targetraw"}};
constexpr PathField kSockets[] = {{"fd.name", PathField::Part::kFromSlash, PushText::kSocket}};
constexpr PathField kPrograms[] = {{"proc.exepath", PathField::Part::kWhole, PushText::kExe},
                                   {"proc.name", PathField::Part::kWhole, PushText::kName}};

const PathField* path_field_of(std::string_view name, PushShape shape) {
  const auto in = [name](std::span<const PathField> fields) -> const PathField* {
    const auto found =
        std::find_if(fields.begin(), fields.end(), [name](const PathField& f) { return f.field == name; });
    return found == fields.end() ? nullptr : &*found;
  };
  if (const PathField* program = in(kPrograms)) return program;
  if (shape == PushShape::kSock) return in(kSockets);
  if (shape == PushShape::kNewSocket || shape == PushShape::kDoubled) return nullptr;
  return shape == PushShape::kOpen ? in(kOpened) : in(kNamed);
}

bool is_plain(const Program& program, const Test& test) {
  const Operand& operand = program.operands[test.operand];
  const bool of_name = operand.kind == Operand::Kind::kTransformer && operand.transformer == Transformer::kBasename &&
                       operand.parts.size() == 1;
  const Operand& field = of_name ? program.operands[operand.parts.front()] : operand;
  return field.kind == Operand::Kind::kField && field.field && test.right == Test::kNoRight && !test.literals.empty();
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

// Of a result by name: success, an error, and of connections that one is still being made.
std::optional<PushFacts> result_name_facts(const Test& test, PushShape shape, bool answer) {
  const auto is_success = [](const auto& literal) { return literal->text == "SUCCESS"; };
  if (test.modifier != Modifier::kNone || (!is_membership(test.op) && test.op != Op::kNe)) return std::nullopt;
  if (answer != (test.op != Op::kNe)) {  // none of these
    const bool success = std::any_of(test.literals.begin(), test.literals.end(), is_success);
    return success ? std::optional(fact(PF_FAILED)) : std::nullopt;
  }
  PushFacts out{};
  for (const auto& literal : test.literals) {
    const bool later = shape == PushShape::kSock && literal->text == "EINPROGRESS";
    out[0] |= uint64_t{1} << (is_success(literal) ? PF_SUCCEEDED : later ? PF_IN_PROGRESS : PF_FAILED);
  }
  return out;
}

// Root is asked for more often than anybody, and has facts of its own.
std::optional<PushFacts> root_facts(const Test& test, bool answer) {
  const bool root =
      std::all_of(test.literals.begin(), test.literals.end(), [](const auto& l) { return l->value.u == 0; });
  if (!root || (!is_membership(test.op) && test.op != Op::kNe)) return std::nullopt;
  return either(answer == (test.op != Op::kNe), PF_ROOT);
}

struct SocketWord {
  std::string_view field, word;
  push_fact fact;
};
constexpr SocketWord kSocketWords[] = {
    {"fd.typechar", "4", PF_SOCK_IP},   {"fd.typechar", "6", PF_SOCK_IP},   {"fd.typechar", "u", PF_SOCK_UNIX},
    {"fd.type", "ipv4", PF_SOCK_IP},    {"fd.type", "ipv6", PF_SOCK_IP},    {"fd.type", "unix", PF_SOCK_UNIX},
    {"fd.l4proto", "tcp", PF_SOCK_TCP}, {"fd.l4proto", "udp", PF_SOCK_UDP}, {"fd.l4proto", "raw", PF_SOCK_RAW}};

// That it is one of these.
std::optional<PushFacts> socket_facts(const Test& test, std::string_view field, bool answer) {
  if (!answer || !is_membership(test.op)) return std::nullopt;
  PushFacts out{};
  for (const auto& literal : test.literals) {
    const auto* word = std::find_if(std::begin(kSocketWords), std::end(kSocketWords),
                                    [&](const SocketWord& w) { return w.field == field && w.word == literal->text; });
    if (word == std::end(kSocketWords)) return std::nullopt;
    out[word->fact / 64] |= uint64_t{1} << (word->fact % 64);
  }
  return out;
}

// What no event of these types has: of two paths, and parameters of other calls.
bool is_missing(const Operand& operand, PushShape shape) {
  constexpr std::string_view kOfTwoPaths[] = {"fs.path.source", "fs.path.sourceraw", "fs.path.target",
                                              "fs.path.targetraw"};
  const std::string_view field = operand.field->name;
  if (std::find(std::begin(kOfTwoPaths), std::end(kOfTwoPaths), field) != std::end(kOfTwoPaths))
    return shape != PushShape::kPath;
  if (!operand.arg.given || field != "evt.arg" || (operand.arg.text.empty() || operand.arg.index >= 0)) return false;
  const auto events = decoders::all_events();
  return std::none_of(events.begin(), events.end(), [&](const decoders::EventInfo& event) {
    return push_shape(event.type) == shape && event.param(operand.arg.text) != nullptr;
  });
}

// Words of open()'s flags.
std::optional<PushFacts> open_flags_facts(const Test& test, bool answer) {
  const bool truncates =
      std::all_of(test.literals.begin(), test.literals.end(), [](const auto& l) { return l->text == "O_TRUNC"; });
  return test.op == Op::kContains && truncates ? std::optional(either(answer, PF_TRUNCATES)) : std::nullopt;
}

// Of a folder: where the path goes on behind it. Of a name: behind the last slash. Of a socket's name, which begins
// with numbers or addresses: nothing of it before its path.
void make_part(PathField::Part part, PushPiece& piece) {
  if (part == PathField::Part::kFolder && piece.at_end) {
    piece.at_end = false;
    if (!piece.text.ends_with('/')) piece.text += '/';
  }
  if (part == PathField::Part::kFromSlash) {
    piece.text.erase(0, std::min(piece.text.find('/'), piece.text.size()));
    piece.at_begin = false;
  }
  if (part == PathField::Part::kName && piece.at_begin) {
    piece.at_begin = false;
    if (!piece.text.starts_with('/')) piece.text.insert(0, "/");
  }
}

// Names of fcntl()'s commands: that it is one of those that double a descriptor.
std::optional<PushFacts> command_facts(const Test& test, bool answer) {
  const bool doubles = std::all_of(test.literals.begin(), test.literals.end(),
                                   [](const auto& literal) { return literal->text.starts_with("F_DUPFD"); });
  const bool names = is_membership(test.op) || test.op == Op::kStartsWith;
  return answer && names && doubles && test.modifier == Modifier::kNone ? std::optional(fact(PF_DUPLICATES))
                                                                        : std::nullopt;
}

PushShape shape_of(push_side side) {
  if (!is_of_call(side)) return PushShape::kSock;
  return side == PUSH_RESULT ? PushShape::kDoubled : PushShape::kNewSocket;
}

struct Chance {
  uint32_t fact;
  double share;
};
constexpr Chance kChances[] = {
    {PF_SUCCEEDED, 0.8},   {PF_FAILED, 0.2},     {PF_READS, 0.95},   {PF_WRITES, 0.05},  {PF_MAKES_EXECUTABLE, 0.01},
    {PF_CREATES, 0.05},    {PF_TRUNCATES, 0.03}, {PF_ROOT, 0.6},     {PF_ROOT_NOT, 0.4}, {PF_READS_NOT, 0.05},
    {PF_SOCK_UNIX, 0.5},   {PF_SOCK_IP, 0.5},    {PF_SOCK_TCP, 0.4}, {PF_SOCK_UDP, 0.2}, {PF_SOCK_RAW, 0.01},
    {PF_IN_PROGRESS, 0.2}, {PF_DUPLICATES, 0.3}};
constexpr double kMost = 0.95;    // of other flags
constexpr double kProgram = 0.5;  // few run it, but until that is looked up all may
constexpr double kRange = 0.1;
constexpr double kText = 0.005;

// Whole trees near the root are where programs open most of what they open; two letters are in many paths.
double chance_of_piece(const PushPiece& piece) {
  const auto depth = std::count(piece.text.begin(), piece.text.end(), '/');
  if (piece.at_end) return kText;
  if (piece.at_begin) return depth <= 1 ? 0.3 : depth == 2 ? 0.1 : kText;
  return piece.text.size() <= 2 ? 0.1 : kText;
}

}  // namespace

double PushTests::chance_of(const PushFacts& facts) const {
  double sum = 0;
  for (uint32_t n = 0; n < PUSH_BITS; ++n) {
    if ((facts[n / 64] >> (n % 64) & 1) == 0) continue;
    const auto* known =
        std::find_if(std::begin(kChances), std::end(kChances), [n](const Chance& c) { return c.fact == n; });
    sum += n >= PF_PROGRAM               ? kProgram
           : n >= PF_TEXTS               ? chances_[n]
           : n >= PF_RANGES              ? kRange
           : known == std::end(kChances) ? kMost
                                         : known->share;
  }
  return sum;
}

// Texts of opens share facts when there are no more: more is found than there is.
std::optional<uint32_t> PushTests::new_fact(bool of_program) {
  if (!of_program) return PF_TEXTS + (next_++ - PF_TEXTS) % (PF_PROGRAM - PF_TEXTS);
  if (next_of_program_ >= PUSH_BITS) return std::nullopt;
  of_program_[next_of_program_ / 64] |= uint64_t{1} << (next_of_program_ % 64);
  return next_of_program_++;
}

// One of them is in every text that satisfies the test. None: nothing is certain to be.
std::vector<PushPiece> PushTests::pieces_of(const Test& test, PushShape shape, unsigned rank) const {
  const auto [field, of_name] = path_field(program_, test);
  const PathField& path = *path_field_of(field, shape);
  const bool of_program = path.of == PushText::kExe || path.of == PushText::kName;
  std::vector<PushPiece> out;
  for (const auto& literal : test.literals) {
    const std::vector<PushPiece> found = rule::pieces_of(test.op, literal->text, rank);
    if (found.empty()) return {};
    for (PushPiece piece : found) {
      make_part(of_name ? PathField::Part::kName : path.part, piece);
      if (test.op == Op::kPmatch && of_program && piece.at_begin) {  // these may have no first slash
        piece.text.erase(0, 1);
        piece.at_begin = false;
      }
      if (piece.text.empty()) return {};
      piece.of = path.of;
      out.push_back(std::move(piece));
    }
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

std::optional<PushFacts> PushTests::text_facts(uint32_t index, const Test& test, PushShape shape, unsigned rank) {
  const auto [field, of_name] = path_field(program_, test);
  const PathField* path = path_field_of(field, shape);
  if (path == nullptr || test.over != Test::Over::kOne) return std::nullopt;
  if (of_name && (path->of == PushText::kName || path->of == PushText::kSocket)) return std::nullopt;  // no slash in it
  const auto [known, is_new] = known_.try_emplace({index, path->of, rank});
  std::optional<PushFacts>& out = known->second;
  if (!is_new) return out;
  const std::vector<PushPiece> pieces = pieces_of(test, shape, rank);
  if (rank > 0 && (pieces.empty() || pieces == pieces_of(test, shape, 0)))
    return out = text_facts(index, test, shape, 0);
  if (pieces.empty()) return out;
  // Tests that look for the same share a fact.
  const auto [shared, is_first] = facts_of_pieces_.try_emplace(pieces, 0);
  if (!is_first) return out = fact(shared->second);
  const std::optional<uint32_t> number = new_fact(path->of == PushText::kExe || path->of == PushText::kName);
  if (!number) {
    facts_of_pieces_.erase(shared);
    return out;
  }
  shared->second = *number;
  for (const PushPiece& piece : pieces) {
    chances_[*number] += chance_of_piece(piece);
    texts_.add(piece, *number);
  }
  return out = fact(*number);
}

std::optional<PushFacts> PushTests::range_facts(const Wanted& wanted, const Test& test, PushShape shape) {
  const auto side = side_of(program_.operands[test.operand]);
  if (!side || (*side != PUSH_USER && shape != shape_of(*side))) return std::nullopt;
  if (test.over != (*side == PUSH_EITHER ? Test::Over::kEither : Test::Over::kOne)) return std::nullopt;
  auto [found, is_new] = known_ranges_.try_emplace(wanted);
  if (is_new) found->second = ranges_.add(test, *side, wanted.answer);
  return found->second ? std::optional(fact(*found->second)) : std::nullopt;
}

std::optional<PushFacts> PushTests::facts_of(const Wanted& wanted, PushShape shape, unsigned rank) {
  const Test& test = program_.tests[wanted.test];
  if (!is_plain(program_, test)) return std::nullopt;
  const Operand& operand = program_.operands[test.operand];
  const bool answer = wanted.answer;
  if (test.dynamic) return range_facts(wanted, test, shape);
  if (operand.kind == Operand::Kind::kTransformer)
    return answer ? text_facts(wanted.test, test, shape, rank) : std::nullopt;
  if (answer && is_missing(operand, shape)) return PushFacts{};
  const std::string_view field = operand.field->name;
  const bool open = shape == PushShape::kOpen;
  if (operand.arg.given && operand.arg.text == "cmd" && shape == PushShape::kDoubled)
    return field == "evt.arg" ? command_facts(test, answer) : std::nullopt;
  if (operand.arg.given)
    return open && field == "evt.arg" && operand.arg.text == "flags" ? open_flags_facts(test, answer) : std::nullopt;
  for (const Flag& flag : kFlags)
    if (flag.field == field && (open || flag.fact == PF_FAILED)) return flag_facts(test, flag.fact, answer);
  if (const auto ranges = field == "evt.rawres" ? range_facts(wanted, test, shape) : std::nullopt) return ranges;
  if (field == "evt.rawres" || (open && field == "fd.num")) return result_facts(test, answer);
  if (field == "evt.res") return result_name_facts(test, shape, answer);
  if (field == "user.uid")
    if (const auto root = root_facts(test, answer)) return root;
  if (const auto ranges = range_facts(wanted, test, shape)) return ranges;
  if (shape == PushShape::kSock || shape == PushShape::kNewSocket)
    if (const auto socket = socket_facts(test, field, answer)) return socket;
  return answer ? text_facts(wanted.test, test, shape, rank) : std::nullopt;
}

bool PushTests::build(push_set& set) const {
  std::copy(of_program_.begin(), of_program_.end(), set.of_program);
  return texts_.build(set) && ranges_.build(set);
}

std::optional<PushShape> push_shape(uint16_t type) {
  const decoders::EventInfo* event = decoders::event_info(type);
  if (event == nullptr || event->ring != decoders::Ring::kBulk) return std::nullopt;
  switch (type) {
    case EVT_open:
    case EVT_openat:
    case EVT_openat2:
      return PushShape::kOpen;
    case EVT_socket:
      return PushShape::kNewSocket;
    case EVT_dup:
    case EVT_dup2:
    case EVT_dup3:
    case EVT_fcntl:
      return PushShape::kDoubled;
    case EVT_connect:
    case EVT_accept:
    case EVT_accept4:
      return PushShape::kSock;
    default:
      break;
  }
  const uint32_t shape = HOOK_SHAPE(event->hook);
  return shape == SHAPE_PATH || shape == SHAPE_PATHS ? std::optional(PushShape::kPath) : std::nullopt;
}

}  // namespace tiercel::rule
