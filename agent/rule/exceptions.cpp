// Exceptions of a rule as text: "(condition) and not (...) and not (...)" (reference 1.8).
#include <algorithm>

#include "agent/rule/expand.h"
#include "agent/rule/fields.h"
#include "agent/rule/grammar.h"
#include "agent/rule/parser.h"

namespace tiercel::rule {
namespace {

// One blank between words, none around.
std::string normalised(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (!is_blank(c))
      out += c;
    else if (!out.empty() && out.back() != ' ')
      out += ' ';
  }
  while (out.ends_with(' ')) out.pop_back();
  return out;
}

struct Comparison {
  std::string text;
  bool takes_list = false;  // in, pmatch, intersects, or a modifier
  bool valid = false;
};

Comparison comparison_of(std::string_view written) {
  Comparison out{normalised(written)};
  const size_t blank = out.text.find(' ');
  const std::string_view op = std::string_view(out.text).substr(0, blank);
  if (blank == std::string::npos) {
    out.takes_list = is_list_op(op);
    out.valid = out.takes_list || is_text_op(op) || find_word(kNumericOps, op) != nullptr;
  } else {
    out.takes_list = out.valid =
        is_text_op(op) && find_word(kModifierWords, std::string_view(out.text).substr(blank + 1)) != nullptr;
  }
  return out;
}

class ExceptionWriter {
 public:
  ExceptionWriter(const RuleItem& rule, Diagnostics& diagnostics, MappedText& out)
      : rule_(rule), diagnostics_(diagnostics), out_(out) {}

  bool write() {
    const bool any = std::any_of(rule_.exceptions.begin(), rule_.exceptions.end(),
                                 [](const ExceptionItem& e) { return !e.values.empty(); });
    const Mark start = rule_.condition.mark_at(0);
    if (any) out_.append_fixed("(", start);
    out_.append(rule_.condition);
    if (any) out_.append_fixed(")", rule_.condition.mark_at(rule_.condition.size()));
    for (const ExceptionItem& exception : rule_.exceptions) {
      if (exception.fields->kind == YamlNode::Kind::kSequence)
        write_rows(exception);
      else
        write_single(exception);
    }
    return fine_;
  }

 private:
  void error(const Mark& mark, std::string message, std::string hint = {}) {
    fine_ = false;
    diagnostics_.add({Diagnostic::Severity::kError, "LOAD_ERR_VALIDATE", std::move(message), std::move(hint),
                      "rule '" + rule_.name + "'", mark.position()});
  }

  void check_field(const YamlNode& field) {
    if (!field.is_scalar()) return error(field.mark, "sequence value is not scalar");
    if (auto ast = parse_operand(std::make_shared<const MappedText>(field.text))) {
      const OperandAst* inner = &*ast;
      while (inner->kind == OperandAst::Kind::kTransformer && !inner->parts.empty()) inner = &inner->parts.back();
      if (inner->kind != OperandAst::Kind::kField) return;
      const FieldName name = resolve_field(inner->name, inner->has_arg, inner->arg);
      if (name.info && !name.info->has(FF_TABLE_ONLY) && argument_error(name, inner->name).empty()) return;
    }
    const std::string near = suggest_field(field.str());
    error(field.mark, "'" + field.str() + "' is not a supported filter field",
          near.empty() ? "" : "did you mean '" + near + "'?");
  }

  // comps absent: `count` times the default.
  std::vector<Comparison> comparisons(const ExceptionItem& exception, size_t count) {
    std::vector<Comparison> out;
    if (!exception.comps) return std::vector<Comparison>(count, comparison_of("="));
    for (const YamlNode& comp : exception.comps->items) {
      out.push_back(comparison_of(comp.is_scalar() ? comp.str() : ""));
      if (!out.back().valid)
        error(comp.mark, "'" + (comp.is_scalar() ? comp.str() : "?") + "' is not a supported comparison operator");
    }
    return out;
  }

  void write_rows(const ExceptionItem& exception) {
    const std::vector<YamlNode>& fields = exception.fields->items;
    for (const YamlNode& field : fields) check_field(field);
    if (exception.comps &&
        (exception.comps->kind != YamlNode::Kind::kSequence || exception.comps->items.size() != fields.size()))
      return error(exception.comps->mark, "Fields and comps lists must have equal length");
    const std::vector<Comparison> comps = comparisons(exception, fields.size());
    if (exception.values.empty() || fields.empty()) return;
    out_.append_fixed(" and not (", exception.mark);
    for (size_t row = 0; row < exception.values.size(); ++row) {
      const YamlNode& values = exception.values[row];
      if (values.kind != YamlNode::Kind::kSequence || values.items.size() != fields.size()) {
        error(values.mark, "Fields and values lists must have equal length",
              "exception '" + exception.name + "' has " + std::to_string(fields.size()) + " fields");
        continue;
      }
      out_.append_fixed(row > 0 ? " or (" : "(", values.mark);
      for (size_t n = 0; n < fields.size(); ++n) {
        if (n > 0) out_.append_fixed(" and ", values.items[n].mark);
        out_.append(fields[n].text);
        out_.append_fixed(" " + comps[n].text + " ", values.items[n].mark);
        write_value(values.items[n], comps[n].takes_list);
      }
      out_.append_fixed(")", values.mark);
    }
    out_.append_fixed(")", exception.mark);
  }

  void write_single(const ExceptionItem& exception) {
    check_field(*exception.fields);
    Comparison comp = comparison_of("in");
    if (exception.comps) {
      if (!exception.comps->is_scalar()) return error(exception.comps->mark, "Fields and comps must both be strings");
      comp = comparison_of(exception.comps->str());
      if (!comp.valid || !comp.takes_list)
        return error(exception.comps->mark,
                     "comps must be one of (in, pmatch, intersects) or an operator with oneof, anyof or allof");
    }
    if (exception.values.empty()) return;
    out_.append_fixed(" and not (", exception.mark);
    out_.append(exception.fields->text);
    out_.append_fixed(" " + comp.text + " (", exception.mark);
    for (size_t n = 0; n < exception.values.size(); ++n) {
      const YamlNode& value = exception.values[n];
      if (n > 0) out_.append_fixed(", ", value.mark);
      if (value.is_scalar())
        write_scalar(value.text);
      else
        error(value.mark, "sequence value is not scalar", "the values of a single field are a flat list");
    }
    out_.append_fixed("))", exception.mark);
  }

  void write_value(const YamlNode& value, bool takes_list) {
    if (value.is_scalar() && !(takes_list && !value.str().starts_with('('))) {
      if (value.str().starts_with('(') && takes_list)
        out_.append(value.text);
      else
        write_scalar(value.text);
      return;
    }
    out_.append_fixed("(", value.mark);
    if (value.is_scalar()) {
      write_scalar(value.text);
    } else {
      for (size_t n = 0; n < value.items.size(); ++n) {
        if (n > 0) out_.append_fixed(", ", value.items[n].mark);
        if (value.items[n].is_scalar())
          write_scalar(value.items[n].text);
        else
          error(value.items[n].mark, "sequence value is not scalar");
      }
    }
    out_.append_fixed(")", value.mark);
  }

  void write_scalar(const MappedText& text) {
    const std::string& s = text.str();
    const bool quote = s.find(' ') != std::string::npos && s[0] != '"' && s[0] != '\'';
    if (quote) out_.append_fixed("\"", text.mark_at(0));
    out_.append(text);
    if (quote) out_.append_fixed("\"", text.mark_at(text.size()));
  }

  const RuleItem& rule_;
  Diagnostics& diagnostics_;
  MappedText& out_;
  bool fine_ = true;
};

}  // namespace

bool expand_exceptions(const RuleItem& rule, Diagnostics& diagnostics, MappedText& out) {
  return ExceptionWriter(rule, diagnostics, out).write();
}

}  // namespace tiercel::rule
