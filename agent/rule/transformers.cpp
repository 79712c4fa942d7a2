// What transformers do to values (reference 2.4.6). A missing input gives a missing output; texts are made in the
// event's arena.
#include <algorithm>
#include <array>
#include <charconv>

#include <arpa/inet.h>

#include "agent/rule/program.h"

namespace tiercel::rule {
namespace {

char to_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
char to_upper(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

Value like(const Value& v, std::string_view text) {
  return v.kind == ValueKind::kBytes ? Value::of_bytes(text) : Value::of_text(text);
}

Value map_chars(const Value& v, char (*change)(char), Arena& arena) {
  const std::string_view text = v.view();
  char* out = arena.bytes(text.size());
  std::transform(text.begin(), text.end(), out, change);
  return like(v, {out, text.size()});
}

int base64_digit(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  return c == '/' ? 63 : -1;
}

Value base64(const Value& v, Arena& arena) {
  std::string_view text = v.view();
  for (int n = 0; n < 2 && text.ends_with('='); ++n) text.remove_suffix(1);
  if (text.size() % 4 == 1) return {};
  char* out = arena.bytes(text.size() / 4 * 3 + 3);
  size_t size = 0;
  uint32_t bits = 0;
  int have = 0;
  for (char c : text) {
    const int digit = base64_digit(c);
    if (digit < 0) return {};
    bits = bits << 6 | static_cast<uint32_t>(digit);
    have += 6;
    if (have < 8) continue;
    have -= 8;
    out[size++] = static_cast<char>(bits >> have & 0xff);
  }
  return like(v, {out, size});
}

Value basename(const Value& v) {
  const std::string_view text = v.view();
  return like(v, text.substr(text.rfind('/') + 1));
}

Value length(const Value& v) {
  if (v.kind == ValueKind::kList) return Value::of_uint(v.list.count);
  if (v.kind == ValueKind::kText) return Value::of_uint(std::min(v.view().find('\0'), v.view().size()));
  return Value::of_uint(v.is_text() ? v.view().size() : 0);
}

// An element of join as text; numbers are written in decimal.
std::string_view element_text(const Value& v, Arena& arena) {
  std::array<char, 24> digits{};
  std::to_chars_result end{digits.data(), std::errc()};
  switch (v.kind) {
    case ValueKind::kText:
    case ValueKind::kBytes:
      return v.view();
    case ValueKind::kInt:
      end = std::to_chars(digits.data(), digits.data() + digits.size(), v.i);
      break;
    case ValueKind::kUint:
      end = std::to_chars(digits.data(), digits.data() + digits.size(), v.u);
      break;
    case ValueKind::kBool:
      return v.b ? "true" : "false";
    default:
      return {};
  }
  return arena.copy({digits.data(), static_cast<size_t>(end.ptr - digits.data())});
}

Value join_texts(std::string_view separator, std::span<const Value> items, Arena& arena) {
  size_t size = 0;
  for (const Value& item : items) size += element_text(item, arena).size() + separator.size();
  char* out = arena.bytes(size);
  char* at = out;
  for (size_t n = 0; n < items.size(); ++n) {
    if (n > 0) at = std::copy(separator.begin(), separator.end(), at);
    const std::string_view text = element_text(items[n], arena);
    at = std::copy(text.begin(), text.end(), at);
  }
  return Value::of_text({out, static_cast<size_t>(at - out)});
}

// POSIX short options over a list of words (reference 2.4.6).
class Options {
 public:
  Options(const Operand& operand, std::string_view accepted, Arena& arena)
      : select_(operand.arg.given), wanted_(select_ ? operand.arg.text[0] : '\0'), accepted_(accepted), arena_(arena) {
    if (accepted_.starts_with(':')) accepted_.remove_prefix(1);
  }

  Value read(std::span<const Value> words) {
    size_t letters = 1;
    for (const Value& word : words) letters += text_of(word).size() + 1;
    out_ = arena_.values(2 * letters);
    for (size_t n = 0; n < words.size(); ++n) {
      const std::string_view word = text_of(words[n]);
      if (word.size() < 2 || word[0] != '-' || word == "--") break;
      if (word[1] == '-') continue;  // a long option
      if (read_word(word, n + 1 < words.size() ? &words[n + 1] : nullptr)) ++n;
    }
    return select_ ? selected_ : Value::of_list({out_, count_});
  }

 private:
  static std::string_view text_of(const Value& v) { return v.is_text() ? v.view() : std::string_view(); }

  // "-abc", "-cvalue"; true if the next word was taken as an argument.
  bool read_word(std::string_view word, const Value* next) {
    for (size_t at = 1; at < word.size(); ++at) {
      const char letter = word[at];
      const size_t place = letter == ':' ? std::string_view::npos : accepted_.find(letter);
      if (place == std::string_view::npos) {
        add("?");
      } else if (place + 1 >= accepted_.size() || accepted_[place + 1] != ':') {
        flag(letter);
      } else if (at + 1 < word.size()) {
        argument(letter, word.substr(at + 1));
        return false;
      } else if (next) {
        argument(letter, text_of(*next));
        return true;
      } else {
        add("");  // its argument is missing: the letter is not told
        select(letter, "");
      }
    }
    return false;
  }

  void flag(char letter) {
    const std::string_view text = arena_.copy({&letter, 1});
    add(text);
    select(letter, text);
  }
  void argument(char letter, std::string_view text) {
    add(arena_.copy({&letter, 1}));
    add(text);
    select(letter, text);
  }
  void add(std::string_view text) { out_[count_++] = Value::of_text(text); }
  void select(char letter, std::string_view text) {
    if (select_ && letter == wanted_) selected_ = Value::of_text(text);  // the last one counts
  }

  bool select_;
  char wanted_;
  std::string_view accepted_;
  Arena& arena_;
  Value* out_ = nullptr;
  size_t count_ = 0;
  Value selected_;
};

Value address_text(const Value& v, Arena& arena) {
  if (v.kind != ValueKind::kIp4 && v.kind != ValueKind::kIp6) return {};
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (!inet_ntop(v.kind == ValueKind::kIp4 ? AF_INET : AF_INET6, v.ip.data(), text.data(), text.size())) return {};
  return Value::of_text(arena.copy(text.data()));
}

Value one(Transformer transformer, const Value& v, Arena& arena) {
  if (v.missing()) return {};
  switch (transformer) {
    case Transformer::kToLower:
      return v.is_text() ? map_chars(v, to_lower, arena) : Value();
    case Transformer::kToUpper:
      return v.is_text() ? map_chars(v, to_upper, arena) : Value();
    case Transformer::kB64:
      return v.is_text() ? base64(v, arena) : Value();
    case Transformer::kBasename:
      return v.is_text() ? basename(v) : Value();
    case Transformer::kAddressText:
      return address_text(v, arena);
    default:
      return {};
  }
}

}  // namespace

Value apply(const Operand& operand, std::span<const Value> parts, Arena& arena) {
  const Value& first = parts.front();
  switch (operand.transformer) {
    case Transformer::kLen:
      return first.missing() ? Value() : length(first);
    case Transformer::kJoin:
      if (first.missing() || parts[1].kind != ValueKind::kList) return {};
      return join_texts(first.view(), parts[1].items(), arena);
    case Transformer::kConcat:
      for (const Value& part : parts)
        if (part.missing()) return {};
      return join_texts({}, parts, arena);
    case Transformer::kGetopt:
      if (first.kind != ValueKind::kList || parts[1].missing()) return {};
      return Options(operand, parts[1].view(), arena).read(first.items());
    default:
      break;
  }
  if (first.kind != ValueKind::kList) return one(operand.transformer, first, arena);
  Value* out = arena.values(first.list.count);
  for (size_t n = 0; n < first.list.count; ++n) out[n] = one(operand.transformer, first.items()[n], arena);
  return Value::of_list({out, first.list.count});
}

}  // namespace tiercel::rule
