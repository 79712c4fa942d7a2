#include "agent/health/exposition.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <utility>

namespace tiercel::health {
namespace {

// The bytes of the character that begins at `at`; 0: they are no UTF-8 (RFC 3629).
size_t character_size(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0u; };
  const unsigned first = byte(0);
  const size_t size = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  for (size_t i = 1; i < size; ++i)
    if ((byte(i) & 0xc0u) != 0x80u) return 0;
  const unsigned second = byte(1);
  const bool too_long = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
  const bool no_character = (first == 0xed && second > 0x9f) || (first == 0xf4 && second > 0x8f);
  return too_long || no_character ? 0 : size;
}

// In help texts quotes stay as they are, in labels they do not.
void append_escaped(std::string& out, std::string_view text, bool quotes) {
  for (size_t at = 0; at < text.size();) {
    const size_t size = character_size(text, at);
    if (size == 0)
      out += "\xef\xbf\xbd";
    else if (text[at] == '\n')
      out += "\\n";
    else if (text[at] == '\\')
      out += "\\\\";
    else if (text[at] == '"' && quotes)
      out += "\\\"";
    else
      out += text.substr(at, size);
    at += std::max<size_t>(size, 1);
  }
}

void append_sample(std::string& out, const std::string& name, const Sample& sample) {
  out += name;
  if (!sample.labels.all().empty()) {
    char before = '{';
    for (const Label& label : sample.labels.all()) {
      out += std::exchange(before, ',');
      out += label.key + "=\"";
      append_escaped(out, label.value, true);
      out += '"';
    }
    out += '}';
  }
  out += sample.whole ? fmt::format(" {}\n", sample.count) : fmt::format(" {}\n", sample.value);
}

}  // namespace

bool names_a_counter(const std::string& name) {
  return name.ends_with("_total");
}

bool names_a_loss(const std::string& name) {
  return name.ends_with("_lost_total") || name.find("_drops_") != std::string::npos;
}

std::string write_exposition(const std::vector<Family>& families) {
  std::string out;
  std::map<std::string_view, size_t> written;  // by name, the first of it
  for (size_t i = 0; i < families.size(); ++i) {
    const Family& first = families[i];
    if (!written.emplace(first.name, i).second) continue;
    std::string samples;
    for (size_t j = i; j < families.size(); ++j)
      if (families[j].name == first.name)
        for (const Sample& sample : families[j].samples) append_sample(samples, first.name, sample);
    if (samples.empty()) continue;
    out += "# HELP " + first.name + ' ';
    append_escaped(out, first.help, false);
    out += "\n# TYPE " + first.name + (first.counter ? " counter\n" : " gauge\n") + samples;
  }
  return out;
}

std::vector<Family> families_of(const Metrics& metrics) {
  std::vector<Family> families;
  metrics.each([&](const std::string& name, const std::string& help, const Labels& labels, uint64_t value) {
    if (families.empty() || families.back().name != name) families.push_back({name, help, names_a_counter(name), {}});
    families.back().samples.push_back({.labels = labels, .count = value});
  });
  std::stable_sort(families.begin(), families.end(),
                   [](const Family& a, const Family& b) { return names_a_loss(a.name) > names_a_loss(b.name); });
  return families;
}

}  // namespace tiercel::health
