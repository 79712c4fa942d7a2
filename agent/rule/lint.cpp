#include "agent/rule/lint.h"

#include <algorithm>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include "agent/rule/event_names.h"
#include "agent/rule/lexer.h"
#include "agent/rule/parser.h"

namespace tiercel::rule {
namespace {

// System calls that do the same; libraries and programs choose freely among them.
constexpr std::string_view kOpen[] = {"open", "openat", "openat2"};
constexpr std::string_view kAccept[] = {"accept", "accept4"};
constexpr std::string_view kExecve[] = {"execve", "execveat"};
constexpr std::string_view kRename[] = {"rename", "renameat", "renameat2"};
constexpr std::string_view kUnlink[] = {"unlink", "unlinkat"};
constexpr std::string_view kMkdir[] = {"mkdir", "mkdirat"};
constexpr std::string_view kChmod[] = {"chmod", "fchmodat"};
constexpr std::string_view kChown[] = {"chown", "lchown", "fchownat"};
constexpr std::string_view kLink[] = {"link", "linkat"};
constexpr std::string_view kSymlink[] = {"symlink", "symlinkat"};
constexpr std::string_view kMknod[] = {"mknod", "mknodat"};
constexpr std::string_view kDup[] = {"dup2", "dup3"};
constexpr std::string_view kClone[] = {"clone", "clone3"};
constexpr std::string_view kUmount[] = {"umount", "umount2"};
constexpr std::span<const std::string_view> kFamilies[] = {
    kOpen, kAccept, kExecve, kRename, kUnlink, kMkdir, kChmod, kChown, kLink, kSymlink, kMknod, kDup, kClone, kUmount};

// Calls that name a file by its path: there is no descriptor, or it is the directory's. Where the path is instead.
struct PathCall {
  std::string_view name;
  std::string_view instead;
};
constexpr std::string_view kOnePath = "fs.path.name";
constexpr std::string_view kTwoPaths = "fs.path.source and fs.path.target";
constexpr PathCall kPathCalls[] = {
    {"chmod", kOnePath},    {"fchmodat", kOnePath},  {"chown", kOnePath},      {"lchown", kOnePath},
    {"fchownat", kOnePath}, {"mkdir", kOnePath},     {"mkdirat", kOnePath},    {"rmdir", kOnePath},
    {"unlink", kOnePath},   {"unlinkat", kOnePath},  {"umount", kOnePath},     {"umount2", kOnePath},
    {"rename", kTwoPaths},  {"renameat", kTwoPaths}, {"renameat2", kTwoPaths}, {"link", kTwoPaths},
    {"linkat", kTwoPaths},  {"symlink", kTwoPaths},  {"symlinkat", kTwoPaths}, {"mount", kTwoPaths},
};
constexpr size_t kFewEvents = 40;  // a condition on more event types is not about path calls

bool is_field(const CheckAst& check, std::string_view name) {
  return check.left.kind == OperandAst::Kind::kField && check.left.name == name;
}

bool compares_type(const CheckAst& check) {
  return is_field(check, "evt.type") || is_field(check, "syscall.type");
}

bool is_equality(Op op) {
  return op == Op::kEq || op == Op::kNe || op == Op::kIn || op == Op::kIntersects;
}

bool admits(const EventSet& events, std::string_view name) {
  const auto number = event_number(name);
  return number && *number < events.numbers.size() && events.numbers[*number];
}

std::string joined(const std::vector<std::string_view>& names) {
  std::string out;
  for (size_t n = 0; n < names.size(); ++n)
    out += (n == 0 ? "" : n + 1 == names.size() ? " and " : ", ") + std::string(names[n]);
  return out;
}

// The path calls among the events, and where their paths are; nothing unless the condition is about few events.
std::pair<std::vector<std::string_view>, std::string_view> path_calls(const EventSet& events) {
  std::pair<std::vector<std::string_view>, std::string_view> out;
  if (events.count() > kFewEvents) return out;
  for (const PathCall& call : kPathCalls) {
    if (!admits(events, call.name)) continue;
    out.first.push_back(call.name);
    if (out.second.empty()) out.second = call.instead;
  }
  return out;
}

// Made to be redefined: the stock files have many of these.
bool is_placeholder(const Redefinition& redefinition) {
  if (redefinition.name.starts_with("user_") || redefinition.name.starts_with("allowed_")) return true;
  std::string bare;
  for (char c : redefinition.condition_before.str())
    if (!is_blank(c) && c != '(' && c != ')') bare += c;
  return bare == "never_true" || bare == "always_true" || bare == "evt.num=0" || bare == "evt.num>=0";
}

std::string canonical(const MappedText& text) {
  auto parsed = parse_condition(std::make_shared<const MappedText>(text));
  return parsed ? to_string(*parsed->expr) : text.str();
}

}  // namespace

void Linter::say(const char* code, Position position, const std::string& subject, std::string message,
                 std::string hint) {
  diagnostics_.add(
      {Diagnostic::Severity::kWarning, code, std::move(message), std::move(hint), subject, std::move(position)});
}

void Linter::rule(const RuleItem& item, const Expr& expr, const EventSet& events) {
  const std::string subject = "rule '" + item.name + "'";
  const Walk at{subject, events};
  walk(expr, false, at);
  no_descriptor(item, at);
}

void Linter::walk(const Expr& expr, bool negated, const Walk& at) {
  if (expr.kind == Expr::Kind::kCheck) return check(*expr.check, negated, at);
  for (const ExprPtr& child : expr.children) walk(*child, negated != (expr.kind == Expr::Kind::kNot), at);
}

void Linter::check(const CheckAst& check, bool negated, const Walk& at) {
  if (compares_type(check)) {
    if (!negated) call_variants(check, at);
    return;
  }
  macro_as_value(check, at);
  enter_event(check, at);
  addresses(check, at);
  result_text(check, at);
  no_descriptor(check, at);
}

void Linter::call_variants(const CheckAst& check, const Walk& at) {
  if (check.right || check.modifier != Modifier::kNone || (check.op != Op::kEq && check.op != Op::kIn)) return;
  for (const auto& family : kFamilies) {
    auto named = std::find_if(check.values.begin(), check.values.end(), [&](const ValueAst& value) {
      return std::find(family.begin(), family.end(), value.text) != family.end() && admits(at.events, value.text);
    });
    if (named == check.values.end()) continue;
    std::vector<std::string_view> missing;
    for (std::string_view sibling : family)
      if (event_number(sibling) && !admits(at.events, sibling)) missing.push_back(sibling);
    if (missing.empty()) continue;
    std::string all;
    for (std::string_view sibling : family) all += (all.empty() ? "" : ", ") + std::string(sibling);
    say("LINT_CALL_VARIANT", named->origin.position(), at.subject,
        "'" + named->text + "' without " + joined(missing) + ": the same thing done with " +
            (missing.size() == 1 ? "it" : "them") + " is not seen",
        "write " + check.left.name + " in (" + all + ")");
  }
}

void Linter::macro_as_value(const CheckAst& check, const Walk& at) {
  if (check.op == Op::kExists) return;
  for (const ValueAst& value : check.values) {
    if (value.quoted || value.text.find('_') == std::string::npos) continue;  // `rename` may well be a program
    if (!collection_.macros.find(value.text) || collection_.lists.find(value.text)) continue;
    say("LINT_MACRO_AS_VALUE", value.origin.position(), at.subject,
        "'" + value.text + "' is a macro; as a value it is only these letters, which '" + to_string(check.left) +
            "' will hardly be",
        "a macro stands alone: `and " + value.text + "`; values are kept in a list");
  }
}

void Linter::enter_event(const CheckAst& check, const Walk& at) {
  if (!is_field(check, "evt.dir") || !is_equality(check.op)) return;
  for (const ValueAst& value : check.values) {
    if (value.text != (check.op == Op::kNe ? "<" : ">")) continue;
    say("LINT_ENTER_EVENT", value.origin.position(), at.subject,
        "system calls are seen at their exit, where evt.dir is '<': this is never true for them",
        "leave evt.dir out: the exit event has the arguments too");
  }
}

void Linter::addresses(const CheckAst& check, const Walk& at) {
  if (is_field(check, "fd.net") && check.op == Op::kIn && check.values.size() > 1)
    say("LINT_FIRST_NETWORK", check.values[1].origin.position(), at.subject,
        "fd.net looks at the first network of a list only, as in Falco",
        "write `fd.net = a or fd.net = b`, or use fd.snet, fd.cnet, fd.rnet or fd.lnet, which look at all");
  if (is_field(check, "fd.ip") && check.op == Op::kIntersects)
    say("LINT_RUNTIME_ERROR", check.op_origin.position(), at.subject,
        "Falco loads 'fd.ip intersects' and fails when an event comes; here it is the same as 'in'", "write 'in'");
}

void Linter::result_text(const CheckAst& check, const Walk& at) {
  if (!is_field(check, "evt.res") || !is_equality(check.op)) return;
  for (const ValueAst& value : check.values) {
    std::string_view digits = value.text;
    if (digits.starts_with('-')) digits.remove_prefix(1);
    if (digits.empty() || !std::all_of(digits.begin(), digits.end(), is_digit)) continue;
    say("LINT_RESULT_TEXT", value.origin.position(), at.subject,
        "evt.res is SUCCESS or the name of an error (EACCES), never a number: '" + value.text +
            "' is never equal to it",
        "numbers are in evt.rawres");
  }
}

void Linter::no_descriptor(const CheckAst& check, const Walk& at) {
  if (!is_field(check, "fd.name") && !is_field(check, "fd.directory") && !is_field(check, "fd.filename")) return;
  const auto [calls, instead] = path_calls(at.events);
  if (calls.empty() || calls.size() < at.events.count()) return;  // true for other events, perhaps
  say("LINT_NO_DESCRIPTOR", check.left.origin.position(), at.subject,
      "'" + check.left.name + "' is not the file that " + joined(calls) + " " + (calls.size() == 1 ? "is" : "are") +
          " about: these calls take a path, not a descriptor",
      "the path is in " + std::string(instead));
}

void Linter::no_descriptor(const RuleItem& item, const Walk& at) {
  const auto [calls, instead] = path_calls(at.events);
  if (calls.empty()) return;
  const std::string& output = item.output.str();
  for (std::string_view token : {"%fd.name", "%fd.directory", "%fd.filename"}) {
    const size_t found = output.find(token);
    if (found == std::string::npos) continue;
    const char next = found + token.size() < output.size() ? output[found + token.size()] : ' ';
    if (is_word(next)) continue;
    say("LINT_NO_DESCRIPTOR", item.output.position_at(found), at.subject,
        "'" + std::string(token) + "' is not the file that " + joined(calls) + " " +
            (calls.size() == 1 ? "is" : "are") +
            " about, and mostly prints <NA>: these calls take a path, not a descriptor",
        "add the path: %" + std::string(instead == kTwoPaths ? "fs.path.source and %fs.path.target" : instead));
  }
}

void Linter::definitions() {
  for (const Redefinition& redefinition : collection_.redefined) {
    if (is_placeholder(redefinition)) continue;
    if (canonical(redefinition.condition) == canonical(redefinition.condition_before)) continue;
    const Position before = redefinition.mark_before.position();
    say("LINT_MACRO_REDEFINED", redefinition.mark.position(), "macro '" + redefinition.name + "'",
        "this takes the place of the macro in " + before.file + ":" + std::to_string(before.line) +
            ", also in the rules there that use it",
        "rename it, or say that it is meant: `override: {condition: replace}`");
  }
}

}  // namespace tiercel::rule
