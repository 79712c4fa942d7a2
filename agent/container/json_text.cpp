#include "agent/container/json_text.h"

#include <algorithm>
#include <charconv>
#include <ctime>

namespace tiercel::container {
namespace {

bool is_space(char c) {
  return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

// Decimal digits at `at`, exactly `count` of them.
bool digits(std::string_view text, size_t at, size_t count, int& value) {
  if (at + count > text.size()) return false;
  auto [end, error] = std::from_chars(text.data() + at, text.data() + at + count, value);
  return error == std::errc() && end == text.data() + at + count && text[at] >= '0';
}

// "Z", "+01:00"
bool zone_s(std::string_view text, int64_t& offset_s) {
  offset_s = 0;
  if (text == "Z" || text == "z") return true;
  int hours = 0, minutes = 0;
  if (text.size() != 6 || text[3] != ':' || !digits(text, 1, 2, hours) || !digits(text, 4, 2, minutes)) return false;
  if (text[0] != '+' && text[0] != '-') return false;
  offset_s = (text[0] == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
  return true;
}

}  // namespace

bool parse_object(rapidjson::Document& document, std::string_view text) {
  document.Parse<rapidjson::kParseIterativeFlag>(text.data(), text.size());
  return !document.HasParseError() && document.IsObject();
}

const Json& member(const Json& object, const char* key) {
  static const Json none;
  if (!object.IsObject()) return none;
  auto it = object.FindMember(key);
  return it == object.MemberEnd() ? none : it->value;
}

std::string bounded_text(std::string_view text, bool& cut, size_t size_max) {
  size_t size = std::min(text.size(), text.find('\0'));
  if (size > size_max) {
    size = size_max;
    while (size > 0 && size_max - size < 3 && (static_cast<unsigned char>(text[size]) & 0xC0u) == 0x80u) --size;
  }
  cut |= size < text.size();
  return std::string(text.substr(0, size));
}

std::string text_of(const Json& value, bool& cut, size_t size_max) {
  if (!value.IsString()) return {};
  return bounded_text({value.GetString(), value.GetStringLength()}, cut, size_max);
}

std::string text_at(const Json& object, const char* key, bool& cut, size_t size_max) {
  return text_of(member(object, key), cut, size_max);
}

std::optional<bool> bool_of(const Json& value) {
  return value.IsBool() ? std::optional(value.GetBool()) : std::nullopt;
}

std::vector<std::string> words_of(const Json& array, bool& cut) {
  std::vector<std::string> words;
  if (!array.IsArray()) return words;
  for (const Json& word : array.GetArray()) {
    if (words.size() == kWordsMax) {
      cut = true;
      break;
    }
    words.push_back(text_of(word, cut));
  }
  return words;
}

Labels labels_of(const Json& object, bool& cut) {
  Labels labels;
  if (!object.IsObject()) return labels;
  for (const auto& [key, value] : object.GetObject()) {
    if (!value.IsString()) continue;
    if (labels.size() == kLabelsMax) {
      cut = true;
      break;
    }
    labels.emplace_back(text_of(key, cut, kLabelSizeMax), text_of(value, cut, kLabelSizeMax));
  }
  std::stable_sort(labels.begin(), labels.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  labels.erase(
      std::unique(labels.begin(), labels.end(), [](const auto& a, const auto& b) { return a.first == b.first; }),
      labels.end());
  return labels;
}

Labels labels_in(std::string_view text, bool& cut) {
  rapidjson::Document document;
  return parse_object(document, text) ? labels_of(document, cut) : Labels();
}

const std::string* find_label(const Labels& labels, std::string_view key) {
  auto it = std::lower_bound(labels.begin(), labels.end(), key,
                             [](const auto& label, std::string_view wanted) { return label.first < wanted; });
  return it != labels.end() && it->first == key ? &it->second : nullptr;
}

uint64_t time_ns_of(std::string_view text) {
  std::tm at{};
  if (text.size() < 20 || !digits(text, 0, 4, at.tm_year) || !digits(text, 5, 2, at.tm_mon) ||
      !digits(text, 8, 2, at.tm_mday) || !digits(text, 11, 2, at.tm_hour) || !digits(text, 14, 2, at.tm_min) ||
      !digits(text, 17, 2, at.tm_sec))
    return 0;
  at.tm_year -= 1900;
  at.tm_mon -= 1;
  text.remove_prefix(19);
  uint64_t fraction_ns = 0;
  if (text.front() == '.') {
    text.remove_prefix(1);
    uint64_t weight_ns = 100'000'000;
    while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
      fraction_ns += static_cast<uint64_t>(text.front() - '0') * weight_ns;
      weight_ns /= 10;
      text.remove_prefix(1);
    }
  }
  int64_t offset_s = 0;
  if (!zone_s(text, offset_s)) return 0;
  const int64_t seconds = ::timegm(&at) - offset_s;
  // 2^64 ns end in 2554.
  if (seconds <= 0 || seconds > 18'000'000'000) return 0;
  return static_cast<uint64_t>(seconds) * 1'000'000'000 + fraction_ns;
}

namespace detail {

std::string_view next_element(std::string_view array, size_t& at) {
  if (at == 0) {
    while (at < array.size() && is_space(array[at])) ++at;
    if (at == array.size() || array[at] != '[') return {};
    ++at;
  }
  while (at < array.size() && (is_space(array[at]) || array[at] == ',')) ++at;
  const size_t begin = at;
  size_t depth = 0;
  bool quoted = false;
  for (; at < array.size(); ++at) {
    const char c = array[at];
    if (quoted) {
      if (c == '\\') {
        ++at;
      } else if (c == '"') {
        quoted = false;
      }
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if (c == '}' || c == ']') {
      if (depth == 0) break;
      --depth;
    } else if (c == ',' && depth == 0) {
      break;
    }
  }
  at = std::min(at, array.size());
  return array.substr(begin, at - begin);
}

}  // namespace detail

}  // namespace tiercel::container
