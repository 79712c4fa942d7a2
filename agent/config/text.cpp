#include "agent/config/text.h"

#include <algorithm>
#include <cctype>
#include <numeric>
#include <vector>

namespace tiercel::config {
namespace {

constexpr int kNestingMax = 16;
constexpr size_t kExpandedBytesMax = 64 * 1024;

// The index of the brace that closes the one before `at`, or npos.
size_t closing_brace(const std::string& text, size_t at) {
  for (int depth = 1; at < text.size(); ++at) {
    if (text.compare(at, 2, "${") == 0) {
      ++depth;
      ++at;
    } else if (text[at] == '}' && --depth == 0) {
      return at;
    }
  }
  return std::string::npos;
}

Result<std::string> expand(const std::string& text, const Environment& environment, int nesting) {
  if (nesting > kNestingMax) return fail("its variables name each other without end", Fault::kUser);
  std::string out;
  size_t at = 0;
  while (at < text.size()) {
    const bool escaped = text.compare(at, 3, "$${") == 0;
    if (!escaped && text.compare(at, 2, "${") != 0) {
      out += text[at++];
      continue;
    }
    const size_t begin = at + (escaped ? 3 : 2);
    const size_t end = closing_brace(text, begin);
    if (end == std::string::npos) return out + text.substr(at);
    if (escaped) {  // only this ${ is plain text: what stands in it may be a variable
      out += "${";
      at = begin;
      continue;
    }
    auto name = expand(text.substr(begin, end - begin), environment, nesting + 1);
    if (!name) return name;
    auto value = expand(environment(*name).value_or(""), environment, nesting + 1);
    if (!value) return value;
    out += *value;
    if (out.size() > kExpandedBytesMax) return fail("its variables give more than 64 KiB", Fault::kUser);
    at = end + 1;
  }
  return out;
}

size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-';
}

bool looks_secret(std::string key) {
  std::transform(key.begin(), key.end(), key.begin(), [](unsigned char c) { return std::tolower(c); });
  if (key.ends_with("_file") || key.ends_with("_path")) return false;
  for (const char* whole : {"url", "headers", "authorization", "init_config", "open_params",
                            "program"})  // a webhook's address is its password
    if (key == whole) return true;
  for (const char* part : {"pass", "pwd", "secret", "token", "webhook", "api_key", "apikey", "credential"})
    if (key.find(part) != std::string::npos) return true;
  return false;
}

// Where the value of a secret begins in a line, or npos.
size_t secret_value(const std::string& line) {
  for (size_t colon = line.find(':'); colon != std::string::npos; colon = line.find(':', colon + 1)) {
    size_t end = colon;
    while (end > 0 && (line[end - 1] == ' ' || line[end - 1] == '"' || line[end - 1] == '\'')) --end;
    size_t begin = end;
    while (begin > 0 && is_word(line[begin - 1])) --begin;
    if (looks_secret(line.substr(begin, end - begin))) return colon + 1;
  }
  return std::string::npos;
}

size_t indentation(const std::string& line) {
  const size_t at = line.find_first_not_of(" -\t");
  return at == std::string::npos ? line.size() : at;
}

}  // namespace

Result<std::string> expand_variables(const std::string& text, const Environment& environment) {
  return expand(text, environment, 0);
}

std::string_view nearest(std::string_view word, std::span<const std::string_view> known) {
  std::string_view best;
  size_t best_distance = std::max<size_t>(2, word.size() / 3) + 1;
  for (std::string_view candidate : known) {
    if (word.size() > 2 * candidate.size() + 2) continue;  // bounds the work for a very long key
    const size_t found = distance(word, candidate);
    if (found < best_distance && found < candidate.size()) {
      best = candidate;
      best_distance = found;
    }
  }
  return best;
}

std::string without_secrets(const std::string& text) {
  std::string out;
  size_t hidden_deeper_than = std::string::npos;  // the lines of a value that goes on
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    std::string line = text.substr(begin, end - begin);
    const bool blank = line.find_first_not_of(" \t\r") == std::string::npos;
    if (hidden_deeper_than != std::string::npos && !blank && indentation(line) <= hidden_deeper_than)
      hidden_deeper_than = std::string::npos;
    if (hidden_deeper_than != std::string::npos) {
      line = blank ? "" : std::string(indentation(line), ' ') + "***";
    } else if (const size_t value = secret_value(line); value != std::string::npos) {
      hidden_deeper_than = indentation(line);
      line = line.substr(0, value) + " ***";
    }
    out += line;
    if (end < text.size()) out += '\n';
    begin = end + 1;
  }
  return out;
}

}  // namespace tiercel::config
