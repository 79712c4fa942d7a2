#include "agent/config/shipped.h"

#include <algorithm>
#include <cctype>
#include <sstream>
#include <utility>

namespace tiercel::config {
namespace {

constexpr std::string_view kOutputs = "outputs[";

// A line without the "#" that keeps it out of the file.
struct Line {
  size_t indent = 0;
  bool comment = false;  // it is text, or an example of a key
  std::string text;
};

Line line_of(const std::string& raw) {
  Line line;
  std::string text = raw;
  size_t begin = text.find_first_not_of(' ');
  if (begin == std::string::npos) return line;
  if (text[begin] == '#' && text.compare(begin, 2, "# ") == 0 && text.compare(begin, 3, "#  ") != 0) {
    line.comment = true;
    text.erase(begin, 2);
    line.indent = begin;
  } else {
    if (text[begin] == '#') text.erase(begin, 1);
    begin = std::min(text.find_first_not_of(' '), text.size());
    line.indent = begin;
    if (text.compare(begin, 2, "# ") == 0) {
      line.comment = true;
      text.erase(begin, 2);
    }
  }
  const size_t first = text.find_first_not_of(' ', line.indent);
  if (line.comment && first != std::string::npos) line.indent = first;
  if (first != std::string::npos) line.text = text.substr(first);
  return line;
}

// "key: value  # about"
struct KeyLine {
  bool item = false;  // "- key: value"
  std::string key, value, about;
};

bool read_key_line(std::string_view text, KeyLine& out) {
  if (text.starts_with("- ")) {
    out.item = true;
    text.remove_prefix(2);
  }
  size_t end = 0;
  while (end < text.size() && (std::islower(static_cast<unsigned char>(text[end])) != 0 || text[end] == '_' ||
                               std::isdigit(static_cast<unsigned char>(text[end])) != 0))
    ++end;
  if (end == 0 || end == text.size() || text[end] != ':') return false;
  if (end + 1 < text.size() && text[end + 1] != ' ') return false;
  out.key = text.substr(0, end);
  std::string_view rest = text.substr(end + 1);
  if (const size_t mark = rest.find("  # "); mark != std::string_view::npos) {
    out.about = rest.substr(mark + 4);
    rest = rest.substr(0, mark);
  }
  const size_t begin = rest.find_first_not_of(' ');
  if (begin != std::string_view::npos) out.value = rest.substr(begin);
  return true;
}

class Reader {
 public:
  explicit Reader(std::span<const KeyInfo> keys) : keys_(keys) {}

  void line(const std::string& raw, int number) {
    const Line line = line_of(raw);
    if (line.text.empty()) return block_.clear();
    if (line.comment && line.text.starts_with("--- ")) {
      title_ = line.text.substr(4, line.text.find(" ---", 4) - 4);
      return block_.clear();
    }
    KeyLine key;
    if (read_key_line(line.text, key) && take(line, key)) return;
    if (line.comment)
      block_ += (block_.empty() ? "" : " ") + line.text;
    else
      out_.unknown.push_back("line " + std::to_string(number) + ": " + line.text);
  }

  Shipped take_result() { return std::move(out_); }

 private:
  struct Place {
    size_t indent;
    std::string path;
  };

  [[nodiscard]] bool is_key(const std::string& path) const {
    return std::any_of(keys_.begin(), keys_.end(), [&](const KeyInfo& key) { return key.path == path; });
  }
  [[nodiscard]] bool is_section(const std::string& path) const {
    return std::any_of(keys_.begin(), keys_.end(), [&](const KeyInfo& key) {
      return key.path.size() > path.size() && key.path.starts_with(path) &&
             (key.path[path.size()] == '.' || key.path[path.size()] == '[');
    });
  }

  // False: no such key there.
  bool take(const Line& line, const KeyLine& key) {
    std::vector<Place> places = places_;
    while (!places.empty() && places.back().indent >= line.indent + (key.item ? 1 : 0)) places.pop_back();
    if (key.item) {
      if (places.empty()) return false;
      places.push_back({line.indent + 1, places.back().path + "[]"});
    }
    const size_t indent = line.indent + (key.item ? 2 : 0);
    std::string path = places.empty() ? key.key : places.back().path + "." + key.key;
    const bool of_output = path == "outputs[].type";
    if (!is_key(path) && !is_section(path)) return false;
    if (places.empty() && out_.titles.emplace(path, title_).second) out_.order.push_back(path);
    if (of_output) {
      places.back().path = std::string(kOutputs) + key.value + "]";
      out_.about.emplace(places.back().path, std::exchange(block_, {}));
    }
    std::string about = std::exchange(block_, {});
    if (!key.about.empty()) about += (about.empty() ? "" : " ") + key.about;
    if (!about.empty()) out_.about.emplace(path, std::move(about));
    if (is_key(path)) out_.named.push_back(path);
    places.push_back({indent, std::move(path)});
    places_ = std::move(places);
    return true;
  }

  std::span<const KeyInfo> keys_;
  Shipped out_;
  std::vector<Place> places_;
  std::string block_, title_;
};

}  // namespace

std::string Shipped::about_of(const std::string& path) const {
  if (const auto own = about.find(path); own != about.end()) return own->second;
  const size_t close = path.find("].");
  if (!path.starts_with(kOutputs) || close == std::string::npos) return {};
  const std::string rest = path.substr(close);
  for (const std::string& other : named) {
    const auto found =
        other.starts_with(kOutputs) && other.ends_with(rest) && other.find("].") == other.size() - rest.size()
            ? about.find(other)
            : about.end();
    if (found != about.end()) return found->second;
  }
  return {};
}

Shipped read_shipped(std::string_view text, std::span<const KeyInfo> keys) {
  Reader reader(keys);
  std::istringstream lines{std::string(text)};
  int number = 0;
  for (std::string line; std::getline(lines, line);) reader.line(line, ++number);
  return reader.take_result();
}

}  // namespace tiercel::config
