#include "agent/rule/literals.h"

#include <arpa/inet.h>

#include <array>
#include <charconv>
#include <vector>

#include "agent/base/priority.h"
#include "agent/rule/alert_facts.h"
#include "agent/rule/names.h"
#include "agent/rule/services.h"

namespace tiercel::rule {
namespace {

constexpr size_t kPatternMax = 4096;  // of a glob or pmatch member: both are walked recursively or per character

std::string lower_ascii(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

// A whole decimal number; negative ones wrap for unsigned types, as strtoull does.
bool parse_integer(std::string_view text, int64_t& out) {
  const bool negative = text.starts_with('-');
  if (text.starts_with('+') || negative) text.remove_prefix(1);
  uint64_t magnitude = 0;
  auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), magnitude);
  if (text.empty() || code != std::errc() || end != text.data() + text.size()) return false;
  if (negative && magnitude > uint64_t{1} << 63) return false;
  out = static_cast<int64_t>(negative ? 0 - magnitude : magnitude);
  return true;
}

Result<> set_number(const std::string& text, Type type, Literal& out) {
  int64_t number = 0;
  if (!parse_integer(text, number)) return fail("'" + text + "' is not a valid number", Fault::kUser);
  switch (type) {
    case Type::kInt16:
      out.value = Value::of_int(static_cast<int16_t>(number));
      break;
    case Type::kInt32:
      out.value = Value::of_int(static_cast<int32_t>(number));
      break;
    case Type::kInt64:
      out.value = Value::of_int(number);
      break;
    case Type::kUint16:
      out.value = Value::of_uint(static_cast<uint16_t>(number));
      break;
    case Type::kUint32:
      out.value = Value::of_uint(static_cast<uint32_t>(number));
      break;
    case Type::kDouble:
      out.value = Value::of_double(static_cast<double>(number));
      break;
    default:
      out.value = Value::of_uint(static_cast<uint64_t>(number));
      break;
  }
  out.is_number = true;
  out.number = number;
  return {};
}

Result<> set_port(const std::string& text, Literal& out) {
  if (!text.empty() && text.find_first_not_of("0123456789") == std::string::npos)
    return set_number(text, Type::kUint16, out);
  const auto port = service_port(text);
  if (!port) return fail("unrecognized protocol " + text, Fault::kUser);
  out.value = Value::of_uint(*port);
  return {};
}

bool parse_address(const std::string& text, Value& out) {
  std::array<uint8_t, 16> bytes{};
  const bool v4 = text.find('.') != std::string::npos;  // as in Falco: "::ffff:1.2.3.4" is neither
  if (inet_pton(v4 ? AF_INET : AF_INET6, text.c_str(), bytes.data()) != 1) return false;
  out = Value::of_ip(bytes.data(), !v4);
  return true;
}

Result<> set_address(const std::string& text, Literal& out, std::string& hint) {
  if (parse_address(text, out.value)) return {};
  if (text.find('.') != std::string::npos && text.find(':') != std::string::npos)
    hint = "write an address with a dot as the IPv4 address that it stands for";
  if (text.find('/') != std::string::npos) hint = "a network is compared with fd.snet, fd.cnet, fd.net, ...";
  return fail("unrecognized IP address " + text, Fault::kUser);
}

bool parse_prefix(std::string_view text, int64_t& bits) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos && parse_integer(text, bits);
}

Result<> set_network(const std::string& text, Literal& out, std::string& hint) {
  const size_t slash = text.find('/');
  int64_t bits = -1;
  if (slash == std::string::npos) hint = "a network has a prefix length: " + text + "/32";
  if (slash == std::string::npos || !parse_prefix(text.substr(slash + 1), bits) ||
      !parse_address(text.substr(0, slash), out.value))
    return fail("unrecognized IP network " + text, Fault::kUser);
  const bool mapped = out.value.kind == ValueKind::kIp4 && text.find(':') != std::string::npos;  // ::ffff:102:304
  if (mapped) bits -= 96;
  const bool v4 = out.value.kind == ValueKind::kIp4;
  if (bits < (v4 ? 0 : 1) || bits > (v4 ? 32 : 128)) {
    hint = v4 ? "the prefix length is 0 to 32" : "the prefix length is 1 to 128";
    return fail("unrecognized IP network " + text, Fault::kUser);
  }
  out.prefix_bits = static_cast<int>(bits);
  return {};
}

Result<> set_hex_bytes(const std::string& text, Literal& out) {
  auto digit = [](char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
  };
  if (text.empty() || text.size() % 2 != 0)
    return fail("'" + text + "' is not an even number of hexadecimal digits", Fault::kUser);
  out.text.clear();
  for (size_t n = 0; n < text.size(); n += 2) {
    if (digit(text[n]) < 0 || digit(text[n + 1]) < 0) return fail("'" + text + "' is not hexadecimal", Fault::kUser);
    out.text += static_cast<char>(digit(text[n]) * 16 + digit(text[n + 1]));
  }
  out.value = Value::of_bytes(out.text);
  return {};
}

Result<> set_text(const std::string& text, Type type, Op op, Literal& out) {
  if (type != Type::kByteBuf && text.find('\0') != std::string::npos)
    return fail("a text value cannot hold a NUL byte", Fault::kUser);
  if (op == Op::kBContains || op == Op::kBStartsWith) return set_hex_bytes(text, out);
  if ((op == Op::kGlob || op == Op::kIGlob || op == Op::kPmatch) && text.size() > kPatternMax)
    return fail("the pattern is longer than " + std::to_string(kPatternMax) + " bytes", Fault::kUser);
  if (op == Op::kIContains) out.text = lower_ascii(text);
  out.value = type == Type::kByteBuf ? Value::of_bytes(out.text) : Value::of_text(out.text);
  if (op != Op::kRegex) return {};
  auto regex = Regex::compile(text);
  if (!regex) return fail(regex.error().message, Fault::kUser);
  out.regex = std::move(*regex);
  return {};
}

// Falco's words and the three steps, in any case.
Result<> set_priority(const std::string& text, Literal& out, std::string& hint) {
  auto number = priority_number(text);
  if (!number) number = priority_number_of_three_steps(text);
  if (number) {
    out.value = Value::of_uint(severity_of(static_cast<Priority>(*number)));
    return {};
  }
  std::vector<std::string> names;
  for (const std::string_view name : kPriorityNames) names.push_back(lower_ascii(std::string(name)));
  const std::vector<std::string_view> candidates(names.begin(), names.end());
  const std::string near = nearest(lower_ascii(text), candidates);
  hint = near.empty() ? "one of: emergency, alert, critical, error, warning, notice, informational, debug"
                      : "did you mean '" + near + "'?";
  return fail("'" + text + "' is not a priority", Fault::kUser);
}

Result<> set_typed(const std::string& text, Type type, Op op, Literal& out, std::string& hint) {
  switch (class_of(type)) {
    case TypeClass::kNumeric:
      if (type == Type::kPriority) return set_priority(text, out, hint);
      return type == Type::kPort ? set_port(text, out) : set_number(text, type, out);
    case TypeClass::kBool:
      if (text != "true" && text != "false") {
        hint = "write true or false";
        return fail("filter error: unrecognized boolean value " + text, Fault::kUser);
      }
      out.value = Value::of_bool(text == "true");
      return {};
    case TypeClass::kAddress:
      return type == Type::kIpNet ? set_network(text, out, hint) : set_address(text, out, hint);
    case TypeClass::kText:
    case TypeClass::kBytes:
      return set_text(text, type, op, out);
    case TypeClass::kOther:
      break;
  }
  return fail("this field cannot be compared", Fault::kUser);
}

}  // namespace

Result<std::unique_ptr<Literal>> make_literal(const std::string& text, Type type, bool dynamic, Op op,
                                              std::string& hint) {
  auto out = std::make_unique<Literal>();
  out->text = text;
  if (auto done = set_typed(text, type, op, *out, hint); !done) return tl::unexpected(done.error());
  // evt.rawarg: the event may hold another type than the one that was checked; keep both forms.
  if (dynamic && !out->is_number) out->is_number = parse_integer(text, out->number);
  return out;
}

TypeClass class_of(Type type) {
  switch (type) {
    case Type::kBool:
      return TypeClass::kBool;
    case Type::kCharBuf:
    case Type::kFsPath:
      return TypeClass::kText;
    case Type::kByteBuf:
      return TypeClass::kBytes;
    case Type::kIpAddr:
    case Type::kIpNet:
      return TypeClass::kAddress;
    case Type::kDyn:
    case Type::kOpaque:
      return TypeClass::kOther;
    default:
      return TypeClass::kNumeric;
  }
}

bool is_signed(Type type) {
  return type == Type::kInt16 || type == Type::kInt32 || type == Type::kInt64;
}

std::string_view class_text(Type type) {
  switch (class_of(type)) {
    case TypeClass::kNumeric:
      return "numeric";
    case TypeClass::kBool:
      return "bool";
    case TypeClass::kText:
      return "string";
    case TypeClass::kBytes:
      return "byte buffer";
    case TypeClass::kAddress:
      return "ip address and network";
    case TypeClass::kOther:
      return type_text(type);
  }
  return "";
}

bool op_allowed(Type type, bool is_list, Op op) {
  if (op == Op::kExists) return true;
  if (is_list) return op == Op::kIn || op == Op::kIntersects;
  const bool set = op == Op::kEq || op == Op::kNe || op == Op::kIn || op == Op::kIntersects;
  const bool order = op == Op::kLt || op == Op::kLe || op == Op::kGt || op == Op::kGe;
  switch (class_of(type)) {
    case TypeClass::kNumeric:
      return set || order;
    case TypeClass::kBool:
    case TypeClass::kAddress:
      return set;
    case TypeClass::kText:
      return op != Op::kBContains && op != Op::kBStartsWith;
    case TypeClass::kBytes:
      return set || op == Op::kContains || op == Op::kStartsWith || op == Op::kEndsWith || op == Op::kBContains ||
             op == Op::kBStartsWith;
    case TypeClass::kOther:
      return false;
  }
  return false;
}

}  // namespace tiercel::rule
