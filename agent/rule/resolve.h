// Names and types: an expanded condition -> distinct operands and tests of a program, in a tree of and/or/not over test
// numbers. Every mistake of the condition is reported, not only the first. Not thread-safe.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "agent/base/diagnostic.h"
#include "agent/rule/ast.h"
#include "agent/rule/program.h"

namespace tiercel::rule {

// Operands and tests of all rules, each once.
class ProgramBuilder {
 public:
  uint32_t operand(Operand operand);
  uint32_t test(Test test);
  [[nodiscard]] std::optional<uint32_t> find_test(const std::string& text) const;
  [[nodiscard]] const Operand& at(uint32_t index) const { return program_.operands[index]; }
  [[nodiscard]] const Test& test_at(uint32_t index) const { return program_.tests[index]; }
  Program& program() { return program_; }

 private:
  Program program_;
  std::unordered_map<std::string, uint32_t> operands_, tests_;
};

struct Typed {
  enum class Kind : uint8_t { kAnd, kOr, kNot, kTest };
  Kind kind = Kind::kTest;
  uint32_t test = 0;
  std::vector<Typed> children;
};

// A problem found while resolving; the caller decides whether it is an error or a reason to skip the rule.
struct Problem {
  std::string message;
  std::string hint;
  Position position;
  bool skippable = false;  // by skip-if-unknown-filter
};

struct Notes {
  std::vector<Problem> errors;
  std::vector<Problem> warnings;    // LOAD_COMPILE_CONDITION
  std::vector<Problem> bends;       // LOAD_WARNING_EXTENSION: what Falco would have refused
  std::vector<Problem> unsafe;      // LOAD_UNSAFE_NA_CHECK
  std::vector<Problem> deprecated;  // LOAD_DEPRECATED_ITEM
};

class Resolver {
 public:
  // of_alert: a condition of a response or an output, which may name the fields of an alert.
  Resolver(ProgramBuilder& builder, bool strict, Notes& notes, bool of_alert = false)
      : builder_(builder), strict_(strict), of_alert_(of_alert), notes_(notes) {}

  // Nothing if there were errors.
  [[nodiscard]] std::optional<Typed> condition(const Expr& expr);
  // A field or transformer for an output; nothing if it is not usable there.
  [[nodiscard]] std::optional<uint32_t> output_operand(const OperandAst& operand);

 private:
  [[nodiscard]] std::optional<uint32_t> check(const CheckAst& check);
  [[nodiscard]] std::optional<uint32_t> operand(const OperandAst& ast, bool in_transformer);
  [[nodiscard]] std::optional<uint32_t> field(const OperandAst& ast, bool in_transformer);
  [[nodiscard]] std::optional<uint32_t> transformer(const OperandAst& ast);
  [[nodiscard]] std::optional<uint32_t> literal_list(const OperandAst& ast);
  [[nodiscard]] bool transformer_types(const OperandAst& ast, Operand& out);
  [[nodiscard]] bool right_side(const CheckAst& check, Test& test);
  [[nodiscard]] bool values(const CheckAst& check, Test& test);
  [[nodiscard]] bool operator_fits(const CheckAst& check, Test& test);
  [[nodiscard]] bool reads_type_field(const Operand& operand) const;
  void warn_unsafe(const CheckAst& check);
  void advise(const CheckAst& check, const Test& test);
  void set_event_types(const CheckAst& check, Test& test);

  std::nullopt_t error(const Origin& origin, std::string message, std::string hint = {}, bool skippable = false);
  void warning(const Origin& origin, std::string message, std::string hint = {});

  ProgramBuilder& builder_;
  bool strict_;
  bool of_alert_;
  bool for_output_ = false;
  Notes& notes_;
};

}  // namespace tiercel::rule
