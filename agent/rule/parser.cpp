#include "agent/rule/parser.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "agent/rule/fields.h"
#include "agent/rule/grammar.h"
#include "agent/rule/lexer.h"

namespace tiercel::rule {
namespace {

constexpr int kTransformerDepthMax = 100;

class Parser {
 public:
  Parser(std::shared_ptr<const MappedText> text, const ParseOptions& options)
      : text_(std::move(text)), lexer_(text_->str()), options_(options) {}

  tl::expected<Parsed, ParseNote> condition() {
    lexer_.skip_blanks();
    if (lexer_.end()) {
      fail("the condition is empty");
      return tl::unexpected(error_);
    }
    ExprPtr expr = parse_or();
    if (expr) {
      lexer_.skip_blanks();
      if (!lexer_.end()) {
        expr = nullptr;
        unexpected_rest();
      }
    }
    if (!expr) return tl::unexpected(error_);
    return Parsed{std::move(expr), std::move(bends_)};
  }

  tl::expected<OperandAst, ParseNote> operand(size_t begin, size_t* consumed) {
    lexer_.seek(begin);
    if (!consumed) lexer_.skip_blanks();
    OperandAst out;
    if (!parse_lhs(out)) {
      if (error_.message.empty()) fail("a field or a transformer is expected here");
      return tl::unexpected(error_);
    }
    if (consumed) {
      *consumed = lexer_.at();
    } else {
      lexer_.skip_blanks();
      if (!lexer_.end()) {
        fail("unexpected text after the field");
        return tl::unexpected(error_);
      }
    }
    return out;
  }

 private:
  struct Deeper {
    explicit Deeper(Parser& parser) : parser_(parser) { ++parser_.depth_; }
    ~Deeper() { --parser_.depth_; }
    Parser& parser_;
  };
  [[nodiscard]] bool too_deep() { return depth_ > options_.depth_max && !refuse_depth(); }
  [[gnu::noinline]] bool refuse_depth() {
    return refuse("nested more than " + std::to_string(options_.depth_max) + " levels deep");
  }

  // Only the first failure is kept: what follows is its echo.
  std::nullptr_t fail(std::string message, std::string hint = {}) {
    return fail_at(lexer_.at(), std::move(message), std::move(hint));
  }
  std::nullptr_t fail_at(size_t offset, std::string message, std::string hint = {}) {
    if (error_.message.empty()) error_ = {offset, std::move(message), std::move(hint)};
    return nullptr;
  }

  bool refuse(std::string message, std::string hint = {}) {
    fail(std::move(message), std::move(hint));
    return false;
  }
  bool refuse_at(size_t offset, std::string message) {
    fail_at(offset, std::move(message));
    return false;
  }

  void unexpected_rest() {
    std::string hint;
    if (lexer_.peek() == '#') hint = "a # inside a block scalar is part of the condition, not a comment";
    if (lexer_.peek() == ')') hint = "there are more ) than (";
    const std::string_view rest = lexer_.text().substr(lexer_.at());
    if (rest == "and" || rest == "or") hint = "a check is missing after the last '" + std::string(rest) + "'";
    fail("unexpected token after expression, expecting 'or', 'and', or eof", std::move(hint));
  }

  [[nodiscard]] Origin origin(size_t begin) const { return {text_, begin, lexer_.at()}; }

  ExprPtr parse_or() { return parse_chain(Expr::Kind::kOr, "or", &Parser::parse_and); }
  ExprPtr parse_and() { return parse_chain(Expr::Kind::kAnd, "and", &Parser::parse_not); }

  ExprPtr parse_chain(Expr::Kind kind, std::string_view word, ExprPtr (Parser::*next)()) {
    lexer_.skip_blanks();
    const size_t begin = lexer_.at();
    std::vector<ExprPtr> children;
    do {
      ExprPtr child = (this->*next)();
      if (!child) return nullptr;
      children.push_back(std::move(child));
      lexer_.skip_blanks();
    } while (lexer_.take_keyword(word));
    return children.size() == 1 ? std::move(children.front()) : chain(kind, std::move(children), begin);
  }

  [[gnu::noinline]] ExprPtr chain(Expr::Kind kind, std::vector<ExprPtr> children, size_t begin) {
    auto out = std::make_unique<Expr>();
    out->kind = kind;
    out->children = std::move(children);
    out->origin = origin(begin);
    return out;
  }

  ExprPtr parse_not() {
    lexer_.skip_blanks();
    const size_t begin = lexer_.at();
    bool negate = false;
    int nots = 0;
    while (lexer_.take_keyword("not")) {
      negate = !negate;
      if (++nots > options_.depth_max) return refuse_depth(), nullptr;
      lexer_.skip_blanks();
    }
    ExprPtr child = parse_check();
    if (!child || !negate) return child;
    return negation(std::move(child), begin);
  }

  [[gnu::noinline]] ExprPtr negation(ExprPtr child, size_t begin) {
    auto out = std::make_unique<Expr>();
    out->kind = Expr::Kind::kNot;
    out->children.push_back(std::move(child));
    out->origin = origin(begin);
    return out;
  }

  // The recursive functions are kept small: a thousand levels of each have to fit a thread's stack, sanitizers and all.
  ExprPtr parse_check() {
    Deeper deeper(*this);
    if (too_deep()) return nullptr;
    lexer_.skip_blanks();
    const size_t begin = lexer_.at();
    if (!lexer_.take_char('(')) return parse_leaf(begin);
    ExprPtr inner = parse_or();
    if (!inner) return nullptr;
    lexer_.skip_blanks();
    return lexer_.take_char(')') ? std::move(inner) : fail_open(begin);
  }

  [[gnu::noinline]] ExprPtr fail_open(size_t begin) {
    const Mark mark = text_->mark_at(begin);
    return fail("expected a ')' token", "the '(' at line " + std::to_string(mark.line) + ", column " +
                                            std::to_string(mark.column) + " is open");
  }

  [[gnu::noinline]] ExprPtr parse_leaf(size_t begin) {
    OperandAst left;
    if (parse_lhs(left)) return parse_comparison(std::move(left), begin);
    if (!error_.message.empty()) return nullptr;
    lexer_.seek(begin);
    auto name = lexer_.identifier();
    if (!name) return lexer_.end() ? fail("the condition ends where a check is expected") : fail_unknown_start();
    if (is_keyword(*name)) return fail_at(begin, "'" + std::string(*name) + "' stands where a check is expected");
    auto out = std::make_unique<Expr>();
    out->kind = Expr::Kind::kMacro;
    out->macro = *name;
    out->origin = origin(begin);
    if (lexer_.peek() == '(')
      return fail_at(begin, "'" + out->macro + "' is not a transformer", std::string(kTransformerHint));
    return out;
  }

  std::nullptr_t fail_unknown_start() {
    return fail("expected a field check, a macro, an operator of a list or an identifier",
                lexer_.peek() == '#' ? "a # inside a block scalar is part of the condition, not a comment" : "");
  }

  // False without an error_: no operand starts here.
  bool parse_lhs(OperandAst& out) {
    if (parse_transformer(out)) return true;
    if (!error_.message.empty()) return false;
    return parse_field(out);
  }

  bool parse_field(OperandAst& out) {
    const size_t begin = lexer_.at();
    auto name = lexer_.field_name();
    if (!name) return false;
    out.kind = OperandAst::Kind::kField;
    out.name = *name;
    if (!parse_argument(out)) return false;
    out.origin = origin(begin);
    return true;
  }

  // [arg] directly after a name; absent is fine.
  bool parse_argument(OperandAst& out) {
    if (!lexer_.take_char('[')) return true;
    out.has_arg = true;
    if (lexer_.peek() == '"' || lexer_.peek() == '\'') {
      auto text = lexer_.quoted();
      if (!text) return refuse_at(lexer_.failure_at(), lexer_.failure());
      out.arg = std::move(*text);
    } else {
      const size_t begin = lexer_.at();
      auto allowed = [](char c) {
        return c != '[' && c != ']' && c != '"' && c != '\'' && !is_blank(c) && c != '\f' && c != '\v';
      };
      while (!lexer_.end() && allowed(lexer_.peek())) lexer_.seek(lexer_.at() + 1);
      if (lexer_.at() == begin) return refuse("expected a valid field argument after '['");
      out.arg = lexer_.text().substr(begin, lexer_.at() - begin);
    }
    if (!lexer_.take_char(']')) return refuse("expected a ']' token after the field argument");
    return true;
  }

  bool parse_transformer(OperandAst& out) {
    const size_t begin = lexer_.at();
    auto name = lexer_.identifier();
    if (!name || lexer_.peek() != '(' || !is_transformer_name(*name)) {
      lexer_.seek(begin);
      return false;
    }
    if (transformers_ >= kTransformerDepthMax) return refuse("transformers nested too deeply");
    ++transformers_;
    const bool fine = parse_transformer_call(out, *name, begin);
    --transformers_;
    return fine;
  }

  bool parse_transformer_call(OperandAst& out, std::string_view name, size_t begin) {
    out.kind = OperandAst::Kind::kTransformer;
    out.name = name;
    lexer_.take_char('(');
    do {
      lexer_.skip_blanks();
      OperandAst part;
      if (!parse_transformer_argument(part, true)) return false;
      out.parts.push_back(std::move(part));
      lexer_.skip_blanks();
    } while (lexer_.take_char(','));
    if (!lexer_.take_char(')')) return refuse("expected a ')' token to close the transformer");
    if (!parse_argument(out)) return false;
    out.origin = origin(begin);
    return true;
  }

  bool parse_transformer_argument(OperandAst& out, bool list_allowed) {
    const size_t begin = lexer_.at();
    if (lexer_.peek() == '"' || lexer_.peek() == '\'') {
      auto text = lexer_.quoted();
      if (!text) return refuse_at(lexer_.failure_at(), lexer_.failure());
      out.kind = OperandAst::Kind::kText;
      out.name = std::move(*text);
      out.origin = origin(begin);
      return true;
    }
    if (auto number = lexer_.number()) {
      out.kind = OperandAst::Kind::kNumber;
      out.name = *number;
      out.origin = origin(begin);
      return true;
    }
    if (list_allowed && lexer_.take_char('(')) return parse_transformer_list(out, begin);
    if (parse_transformer(out)) return true;
    if (!error_.message.empty()) return false;
    if (parse_field(out)) return true;
    return refuse("expected a field, a transformer, a number, a quoted string or a list",
                  "text in a transformer has to be quoted");
  }

  bool parse_transformer_list(OperandAst& out, size_t begin) {
    out.kind = OperandAst::Kind::kList;
    lexer_.skip_blanks();
    if (!lexer_.take_char(')')) {
      do {
        lexer_.skip_blanks();
        OperandAst item;
        if (!parse_transformer_argument(item, false)) return false;
        out.parts.push_back(std::move(item));
        lexer_.skip_blanks();
      } while (lexer_.take_char(','));
      if (!lexer_.take_char(')')) return refuse("expected a ')' token to close the list");
    }
    out.origin = origin(begin);
    return true;
  }

  ExprPtr parse_comparison(OperandAst left, size_t begin) {
    lexer_.skip_blanks();
    const size_t op_at = lexer_.at();
    bool negate = false;
    if (options_.allow_not_in && lexer_.take_keyword("not")) {
      lexer_.skip_blanks();
      negate = true;
    }
    auto check = std::make_unique<CheckAst>();
    check->left = std::move(left);
    if (!parse_operator(*check)) {
      const std::string what =
          check->left.kind == OperandAst::Kind::kField ? "'" + check->left.name + "'" : "the transformer";
      return fail_at(
          op_at, "expected an operator after " + what,
          lexer_.text().substr(op_at).starts_with("not ") ? "write `not " + check->left.name + " in (...)`" : "");
    }
    if (!error_.message.empty()) return nullptr;
    if (negate)
      bends_.push_back({op_at,
                        "'" + check->left.name + " not " + std::string(op_text(check->op)) +
                            "' is not Falco's syntax; taken as 'not " + check->left.name + " " +
                            std::string(op_text(check->op)) + "'",
                        "put the not before the field"});
    auto out = std::make_unique<Expr>();
    out->kind = Expr::Kind::kCheck;
    out->check = std::move(check);
    out->origin = origin(begin);
    return negate ? negation(std::move(out), begin) : std::move(out);
  }

  // False: no operator here. Otherwise error_ tells whether its right side was fine.
  bool parse_operator(CheckAst& check) {
    const size_t begin = lexer_.at();
    auto found = [&](Op op) {
      check.op = op;
      check.op_origin = origin(begin);
      return true;
    };
    if (lexer_.take(kExistsWord)) return found(Op::kExists);
    for (const auto& [word, op] : kNumericOps)
      if (lexer_.take(word)) return found(op) && (parse_number_side(check), true);
    for (const auto& [word, op] : kSymbolOps)
      if (lexer_.take(word)) return found(op) && (parse_text_side(check), true);
    for (const auto& [word, op] : kWordOps)
      if (lexer_.take_word(word)) return found(op) && (parse_text_side(check), true);
    for (const auto& [word, op] : kListOps)
      if (lexer_.take(word)) return found(op) && (parse_list_side(check), true);
    return false;
  }

  // Priorities have an order and no numbers.
  [[nodiscard]] static bool is_ordered_by_name(const OperandAst& left) {
    const FieldInfo* field = left.kind == OperandAst::Kind::kField ? field_by_name(left.name) : nullptr;
    return field && field->type == Type::kPriority;
  }

  void parse_number_side(CheckAst& check) {
    lexer_.skip_blanks();
    if (parse_right_operand(check) || !error_.message.empty()) return;
    if (is_ordered_by_name(check.left)) {
      ValueAst value;
      if (parse_value(value))
        check.values.push_back(std::move(value));
      else
        fail("expected a priority after '" + std::string(op_text(check.op)) + "'");
      return;
    }
    const size_t begin = lexer_.at();
    auto number = lexer_.number();
    if (!number) {
      fail("expected a number after '" + std::string(op_text(check.op)) + "'");
      return;
    }
    check.values.push_back({std::string(*number), false, origin(begin)});
  }

  void parse_text_side(CheckAst& check) {
    const bool blank = is_blank(lexer_.peek());
    lexer_.skip_blanks();
    if (blank && parse_modifier(check)) {
      parse_value_list(check);
      return;
    }
    if (parse_right_operand(check) || !error_.message.empty()) return;
    ValueAst value;
    if (!parse_value(value)) {
      fail("expected a value after '" + std::string(op_text(check.op)) + "'",
           lexer_.peek() == '(' ? "a list needs 'in', or a modifier: oneof, anyof, allof" : "");
      return;
    }
    check.values.push_back(std::move(value));
  }

  bool parse_modifier(CheckAst& check) {
    const size_t begin = lexer_.at();
    for (const auto& [word, modifier] : kModifierWords) {
      if (!lexer_.take_word(word)) continue;
      lexer_.skip_blanks();
      const size_t operand_at = lexer_.at();
      auto name = lexer_.identifier();
      lexer_.seek(operand_at);
      if (lexer_.peek() != '(' && (!name || is_keyword(*name))) break;
      check.modifier = modifier;
      return true;
    }
    lexer_.seek(begin);
    return false;
  }

  void parse_list_side(CheckAst& check) {
    lexer_.skip_blanks();
    if (parse_right_operand(check) || !error_.message.empty()) return;
    parse_value_list(check);
  }

  void parse_value_list(CheckAst& check) {
    check.is_list = true;
    const size_t begin = lexer_.at();
    if (!lexer_.take_char('(')) {
      auto name = lexer_.identifier();
      if (!name) {
        fail("expected a list after '" + std::string(op_text(check.op)) + "'");
        return;
      }
      check.values.push_back({std::string(*name), false, origin(begin)});
      return;
    }
    lexer_.skip_blanks();
    if (lexer_.take_char(')')) return;
    do {
      lexer_.skip_blanks();
      ValueAst value;
      if (!parse_value(value)) {
        fail("expected a value in the list",
             lexer_.peek() == ')' || lexer_.peek() == ',' ? "there is a comma too many" : "");
        return;
      }
      check.values.push_back(std::move(value));
      lexer_.skip_blanks();
    } while (lexer_.take_char(','));
    if (!lexer_.take_char(')')) fail("expected a ')' or ',' token in the list");
  }

  bool parse_value(ValueAst& out) {
    const size_t begin = lexer_.at();
    if (lexer_.peek() == '"' || lexer_.peek() == '\'') {
      auto text = lexer_.quoted();
      if (!text) return refuse_at(lexer_.failure_at(), lexer_.failure());
      out = {std::move(*text), true, origin(begin)};
      return true;
    }
    auto text = lexer_.bare();
    if (!text) return false;
    out = {std::string(*text), false, origin(begin)};
    return true;
  }

  // val(field) or a transformer.
  bool parse_right_operand(CheckAst& check) {
    const size_t begin = lexer_.at();
    OperandAst operand;
    if (lexer_.take("val(")) {
      lexer_.skip_blanks();
      if (!parse_field(operand))
        return refuse("val() takes exactly one field", "a transformer is written without val()");
      lexer_.skip_blanks();
      if (!lexer_.take_char(')')) return refuse("expected a ')' token to close val()");
      operand.is_value = true;
      operand.origin = origin(begin);
    } else if (!parse_transformer(operand)) {
      return false;
    }
    check.right = std::make_unique<OperandAst>(std::move(operand));
    return true;
  }

  std::shared_ptr<const MappedText> text_;
  Lexer lexer_;
  const ParseOptions& options_;
  int depth_ = 0;
  int transformers_ = 0;
  ParseNote error_;
  std::vector<ParseNote> bends_;
};

}  // namespace

bool is_transformer_name(std::string_view name) {
  return find_word(kTransformerWords, name) != nullptr;
}

tl::expected<Parsed, ParseNote> parse_condition(std::shared_ptr<const MappedText> text, const ParseOptions& options) {
  return Parser(std::move(text), options).condition();
}

tl::expected<OperandAst, ParseNote> parse_operand(std::shared_ptr<const MappedText> text, size_t begin,
                                                  size_t* consumed) {
  const ParseOptions options;
  return Parser(std::move(text), options).operand(begin, consumed);
}

}  // namespace tiercel::rule
