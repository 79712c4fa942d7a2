// Exceptions of a rule as text: "(condition) and not (...) and not (...)" (reference 1.8). Their fields and operators
// were checked when they were read (merge_exceptions.cpp); the values are checked here.
#include <algorithm>

#include "agent/rule/expand.h"
#include "agent/rule/merge_exceptions.h"

namespace tiercel::rule {
namespace {

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

  // The operators of the fields in order; absent: the default.
  static std::vector<Comparison> comparisons(const ExceptionItem& exception, size_t count) {
    std::vector<Comparison> out(count, comparison_of("="));
    for (size_t n = 0; exception.comps && n < count && n < exception.comps->items.size(); ++n)
      out[n] = comparison_of(exception.comps->items[n].str());
    return out;
  }

  void write_rows(const ExceptionItem& exception) {
    const std::vector<YamlNode>& fields = exception.fields->items;
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
    const Comparison comp = comparison_of(exception.comps ? exception.comps->str() : "in");
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
