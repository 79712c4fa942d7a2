#include "agent/rule/format.h"

#include <arpa/inet.h>
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>

#include "agent/rule/format_compile.h"
#include "agent/rule/lexer.h"
#include "agent/rule/parser.h"
#include "agent/rule/scratch.h"
#include "agent/rule/static_fields.h"

namespace tiercel::rule {
namespace {

constexpr std::string_view kMissing = "<NA>";
constexpr int kWidthMax = 4096;

std::string ip_text(const Value& v) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int family = v.kind == ValueKind::kIp4 ? AF_INET : AF_INET6;
  return inet_ntop(family, v.ip.data(), text.data(), text.size()) ? text.data() : "";
}

void append_number(std::string& out, Print print, const Value& v) {
  switch (print) {
    case Print::kHex:
      out += fmt::format("{:X}", v.u);
      return;
    case Print::kOct:
      out += v.u == 0 ? "0" : fmt::format("0{:o}", v.u);
      return;
    case Print::kPadded:
      out += fmt::format("{:09}", v.u);
      return;
    default:
      out += v.kind == ValueKind::kInt ? std::to_string(v.i) : std::to_string(v.u);
  }
}

void append_bytes(std::string& out, std::string_view bytes) {
  while (bytes.ends_with('\0')) bytes.remove_suffix(1);
  for (char c : bytes) out += c >= 0x20 && c < 0x7f ? c : '.';
}

Print print_of(const Operand& operand) {
  return operand.field ? operand.field->print : Print::kDec;
}

class FormatCompiler {
 public:
  FormatCompiler(const MappedText& text, ProgramBuilder& builder, bool strict, Notes& notes,
                 std::vector<FormatField>* fields)
      : text_(std::make_shared<const MappedText>(text)),
        builder_(builder),
        strict_(strict),
        notes_(notes),
        fields_(fields) {}

  std::vector<FormatPart> compile() {
    const std::string& s = text_->str();
    size_t copied = 0;
    for (size_t at = s.find('%'); at != std::string::npos; at = s.find('%', copied)) {
      add_text(s.substr(copied, at - copied));
      copied = token(at);
    }
    add_text(s.substr(copied));
    return std::move(parts_);
  }

 private:
  void add_text(std::string text) {
    if (!text.empty()) parts_.push_back({std::move(text), FormatPart::kNone, 0});
  }

  void error(size_t at, std::string message, std::string hint) {
    notes_.errors.push_back({std::move(message), std::move(hint), text_->position_at(at), true});
  }

  // The token at s[at] == '%'; returns where the text goes on.
  size_t token(size_t at) {
    const std::string& s = text_->str();
    size_t begin = at + 1;
    int width = 0;
    auto [end, code] = std::from_chars(s.data() + begin, s.data() + s.size(), width);
    if (code == std::errc() && width >= 0) begin = static_cast<size_t>(end - s.data());
    width = std::clamp(width, 0, kWidthMax);
    size_t stop = begin;
    OperandAst ast;
    const size_t errors = notes_.errors.size();
    const bool found =
        transformer_token(begin, stop, ast) || (notes_.errors.size() == errors && field_token(begin, stop, ast));
    if (!found) {
      if (notes_.errors.size() > errors) return at + 1;  // the transformer's own mistake is told
      size_t word = begin;
      while (word < s.size() && (is_word(s[word]) || s[word] == '.')) ++word;
      const std::string name = s.substr(begin, word - begin);
      const std::string near = suggest_field(name);
      error(at, "invalid formatting token " + (name.empty() ? "%" : name),
            name.empty()   ? "a % begins a field, and there is no way to write a % itself"
            : near.empty() ? "`tiercel fields` lists them all"
                           : "did you mean '" + near + "'?");
      return std::max(word, at + 1);
    }
    Resolver resolver(builder_, strict_, notes_);
    if (const auto operand = resolver.output_operand(ast)) {
      parts_.push_back({{}, *operand, width});
      add_fields(s.substr(begin, stop - begin), *operand);
    }
    return stop;
  }

  bool transformer_token(size_t begin, size_t& stop, OperandAst& ast) {
    const std::string& s = text_->str();
    size_t end = begin;
    while (end < s.size() && is_word(s[end])) ++end;
    if (end >= s.size() || s[end] != '(' || !is_transformer_name(std::string_view(s).substr(begin, end - begin)))
      return false;
    auto parsed = parse_operand(text_, begin, &stop);
    if (!parsed) {
      error(parsed.error().offset, "invalid formatting token: " + parsed.error().message, parsed.error().hint);
      return false;
    }
    ast = std::move(*parsed);
    return true;
  }

  // The longest field name that the text begins with, and its argument.
  bool field_token(size_t begin, size_t& stop, OperandAst& ast) {
    const std::string& s = text_->str();
    const std::string_view name = longest_field_prefix(std::string_view(s).substr(begin));
    if (name.empty()) return false;
    ast.kind = OperandAst::Kind::kField;
    ast.name = name;
    stop = begin + name.size();
    const FieldInfo& field = *field_by_name(name);
    if (stop < s.size() && s[stop] == '[') {
      // parse_operand reads name and argument by the rules of conditions.
      auto parsed = parse_operand(text_, begin, &stop);
      if (!parsed) return false;
      ast.has_arg = true;
      ast.arg = parsed->arg;
    } else if (const size_t end = dotted_argument(field, stop); end > stop) {
      ast.has_arg = true;
      ast.arg = s.substr(stop + 1, end - stop - 1);
      stop = end;
    }
    ast.origin = {text_, begin, stop};
    return true;
  }

  // Where ".argument" behind a field ends; `at` if there is none. What an optional argument cannot be is text again:
  // the end of a sentence behind %proc.args.
  [[nodiscard]] size_t dotted_argument(const FieldInfo& field, size_t at) const {
    const std::string& s = text_->str();
    size_t end = at + 1;
    while (end < s.size() && is_word(s[end])) ++end;
    if (at >= s.size() || s[at] != '.' || end == at + 1) return at;
    if (field.name == "static")
      end = std::max(end, at + 1 + longest_static_key(std::string_view(s).substr(at + 1)).size());
    if (field.has(FF_ARG_REQUIRED)) return end;
    if (!field.has(FF_ARG_OPTIONAL)) return at;
    const FieldName named = resolve_field(field.name, true, std::string_view(s).substr(at + 1, end - at - 1));
    return argument_error(named, field.name).empty() ? end : at;
  }

  void add_fields(const std::string& token, uint32_t operand) {
    if (!fields_) return;
    const Operand& info = builder_.at(operand);
    if (info.kind == Operand::Kind::kField) {
      const bool seen =
          std::any_of(fields_->begin(), fields_->end(), [&](const FormatField& f) { return f.name == token; });
      if (!seen) fields_->push_back({token, operand});
      return;
    }
    for (uint32_t part : info.parts) add_fields(builder_.at(part).text, part);
  }

  std::shared_ptr<const MappedText> text_;
  ProgramBuilder& builder_;
  bool strict_;
  Notes& notes_;
  std::vector<FormatField>* fields_;
  std::vector<FormatPart> parts_;
};

OutputValue to_output(const Operand& operand, const Value& v, const context::Event& event) {
  OutputValue out;
  if (v.missing()) return out;
  if (operand.field && operand.field->has(FF_TIME)) {
    out.kind = OutputValue::Kind::kUint;
    out.u = event.wall_ns();
    return out;
  }
  if (v.kind == ValueKind::kList && !operand.ancestors) {
    out.kind = OutputValue::Kind::kList;
    for (const Value& item : v.items()) out.items.push_back(to_output(operand, item, event));
    return out;
  }
  const bool as_number = print_of(operand) != Print::kHex && print_of(operand) != Print::kOct;
  if (v.kind == ValueKind::kBool) {
    out.kind = OutputValue::Kind::kBool;
    out.b = v.b;
  } else if (v.kind == ValueKind::kInt && as_number) {
    out.kind = OutputValue::Kind::kInt;
    out.i = v.i;
  } else if (v.kind == ValueKind::kUint && as_number) {
    out.kind = OutputValue::Kind::kUint;
    out.u = v.u;
  } else {
    out.kind = OutputValue::Kind::kText;
    append_text(out.text, operand, v);
  }
  return out;
}

std::string render_parts(const std::vector<FormatPart>& parts, const Program& program, Scratch& scratch,
                         const context::Event& event) {
  std::string out;
  for (const FormatPart& part : parts) {
    if (part.operand == FormatPart::kNone) {
      out += part.text;
      continue;
    }
    const size_t begin = out.size();
    append_text(out, program.operands[part.operand], scratch.operand(program, part.operand, event));
    if (part.width > 0) out.resize(begin + static_cast<size_t>(part.width), ' ');
  }
  return out;
}

}  // namespace

void append_text(std::string& out, const Operand& operand, const Value& v) {
  switch (v.kind) {
    case ValueKind::kMissing:
      out += kMissing;
      return;
    case ValueKind::kText:
      out += v.view();
      return;
    case ValueKind::kBytes:
      append_bytes(out, v.view());
      return;
    case ValueKind::kInt:
    case ValueKind::kUint:
      append_number(out, print_of(operand), v);
      return;
    case ValueKind::kBool:
      out += v.b ? "true" : "false";
      return;
    case ValueKind::kDouble:
      out += fmt::format("{:.1f}", v.d);
      return;
    case ValueKind::kIp4:
    case ValueKind::kIp6:
      out += ip_text(v);
      return;
    case ValueKind::kList:
      break;
  }
  if (!operand.ancestors) out += '(';
  bool first = true;
  for (const Value& item : v.items()) {
    if (!first) out += operand.ancestors ? ' ' : ',';
    first = false;
    append_text(out, operand, item);
  }
  if (!operand.ancestors) out += ')';
}

Rendered render_format(const Format& format, const Program& program, Scratch& scratch, const context::Event& event) {
  Rendered out;
  out.message = render_parts(format.parts, program, scratch, event);
  for (const FormatField& field : format.fields)
    out.fields.push_back({field.name, to_output(program.operands[field.operand],
                                                scratch.operand(program, field.operand, event), event)});
  for (const auto& [name, parts] : format.formatted) {
    OutputValue value;
    value.kind = OutputValue::Kind::kText;
    value.text = render_parts(parts, program, scratch, event);
    auto old =
        std::find_if(out.fields.begin(), out.fields.end(), [&n = name](const OutputField& f) { return f.name == n; });
    if (old != out.fields.end())
      old->value = std::move(value);
    else
      out.fields.push_back({name, std::move(value)});
  }
  return out;
}

std::vector<FormatPart> compile_parts(const MappedText& text, ProgramBuilder& builder, bool strict, Notes& notes,
                                      std::vector<FormatField>* fields) {
  return FormatCompiler(text, builder, strict, notes, fields).compile();
}

void add_extra_field(const std::string& name, ProgramBuilder& builder, Notes& notes, Format& format) {
  auto text = std::make_shared<const MappedText>(MappedText(name, {}));
  auto ast = parse_operand(text);
  if (!ast) {
    notes.errors.push_back({"unknown filter: " + name, "append_output's extra_fields name fields", {}, true});
    return;
  }
  Resolver resolver(builder, false, notes);
  const auto operand = resolver.output_operand(*ast);
  if (!operand) return;
  std::erase_if(format.formatted, [&](const auto& entry) { return entry.first == name; });
  if (std::none_of(format.fields.begin(), format.fields.end(), [&](const FormatField& f) { return f.name == name; }))
    format.fields.push_back({name, *operand});
}

void add_extra_format(const std::string& key, std::vector<FormatPart> parts, Format& format) {
  std::erase_if(format.formatted, [&](const auto& entry) { return entry.first == key; });
  format.formatted.emplace_back(key, std::move(parts));
}

}  // namespace tiercel::rule
