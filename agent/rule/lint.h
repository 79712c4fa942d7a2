// Advice on rules that load, in Falco as here, and probably do not mean what their author wanted. Warnings with codes
// of their own (LINT_*, see codes.def) that change neither verdict nor meaning; strict and tolerant alike. Used by
// load.cpp.
#pragma once

#include <string>

#include "agent/base/diagnostic.h"
#include "agent/rule/ast.h"
#include "agent/rule/event_set.h"
#include "agent/rule/merge.h"

namespace tiercel::rule {

class Linter {
 public:
  Linter(const Collection& collection, Diagnostics& diagnostics) : collection_(collection), diagnostics_(diagnostics) {}

  // expr: with macros and exceptions written out; events: for which it can be true.
  void rule(const RuleItem& item, const Expr& expr, const EventSet& events);
  // Macros of one file that another defines anew.
  void definitions();

 private:
  struct Walk {
    const std::string& subject;
    const EventSet& events;
  };
  void walk(const Expr& expr, bool negated, const Walk& at);
  void check(const CheckAst& check, bool negated, const Walk& at);
  void call_variants(const CheckAst& check, const Walk& at);
  void macro_as_value(const CheckAst& check, const Walk& at);
  void enter_event(const CheckAst& check, const Walk& at);
  void addresses(const CheckAst& check, const Walk& at);
  void result_text(const CheckAst& check, const Walk& at);
  void no_descriptor(const RuleItem& item, const Walk& at);
  void no_descriptor(const CheckAst& check, const Walk& at);
  void say(const char* code, Position position, const std::string& subject, std::string message, std::string hint);

  const Collection& collection_;
  Diagnostics& diagnostics_;
};

}  // namespace tiercel::rule
