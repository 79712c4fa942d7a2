#include "agent/rule/yaml.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>

namespace tiercel::rule {
namespace {

constexpr int kDepthMax = 64;
constexpr size_t kNodesMax = 4'000'000;  // 10,000 rules have about 200,000; an alias bomb reaches it at once

struct TooMuch {
  Mark mark;
  const char* what;
};

// Source lines by number, so that yaml-cpp's (line, column) becomes an offset whatever its idea of a position is.
class Lines {
 public:
  explicit Lines(const std::string& source) : source_(source) {
    starts_.push_back(source.starts_with("\xEF\xBB\xBF") ? 3 : 0);
    for (size_t at = source.find('\n'); at != std::string::npos; at = source.find('\n', at + 1))
      starts_.push_back(at + 1);
  }
  [[nodiscard]] size_t offset(const Mark& mark) const {
    if (mark.line < 1 || static_cast<size_t>(mark.line) > starts_.size()) return source_.size();
    return std::min(source_.size(), starts_[static_cast<size_t>(mark.line) - 1] + static_cast<size_t>(mark.column) - 1);
  }
  [[nodiscard]] Mark mark(size_t offset, const std::string* file) const {
    auto it = std::upper_bound(starts_.begin(), starts_.end(), offset);
    const auto line = static_cast<size_t>(it - starts_.begin());
    const size_t start = line == 0 ? 0 : starts_[line - 1];
    return {file, static_cast<int>(std::max<size_t>(line, 1)), static_cast<int>(offset - std::min(start, offset)) + 1};
  }

 private:
  const std::string& source_;
  std::vector<size_t> starts_;
};

// Walks the decoded scalar and its source side by side. Folding and indentation only change blanks, so the characters
// that are not blank come in the same order on both sides; escapes of quoted scalars are the exception.
class ScalarMapper {
 public:
  ScalarMapper(const std::string& source, const Lines& lines, const std::string* file)
      : source_(source), lines_(lines), file_(file) {}

  MappedText map(const std::string& decoded, const Mark& start) {
    at_ = skip_properties(lines_.offset(start));
    const char first = peek();
    style_ = Style::kPlain;
    if (first == '|' || first == '>') {
      style_ = Style::kBlock;
      const size_t end = source_.find('\n', at_);
      at_ = end == std::string::npos ? source_.size() : end + 1;
    } else if (first == '"' || first == '\'') {
      style_ = first == '"' ? Style::kDouble : Style::kSingle;
      ++at_;
    }
    MappedText out;
    for (size_t n = 0; n < decoded.size(); ++n) out.append_char(decoded[n], lines_.mark(next(decoded[n]), file_));
    return out;
  }

 private:
  enum class Style { kPlain, kBlock, kSingle, kDouble };
  [[nodiscard]] char peek(size_t ahead = 0) const { return at_ + ahead < source_.size() ? source_[at_ + ahead] : '\0'; }

  [[nodiscard]] size_t skip_properties(size_t at) const {
    while (at < source_.size() && (source_[at] == '&' || source_[at] == '!' || is_blank(source_[at]))) {
      if (is_blank(source_[at])) {
        ++at;
        continue;
      }
      while (at < source_.size() && !is_blank(source_[at])) ++at;
    }
    return at;
  }

  // The source offset of one decoded character; moves on.
  size_t next(char c) {
    if (escape_left_ > 0) {
      --escape_left_;
      return escape_at_;
    }
    if (style_ == Style::kDouble) skip_continuation();
    if (is_blank(c) && !(style_ == Style::kDouble && peek() == '\\')) {
      const size_t here = at_;
      if (is_blank(peek())) ++at_;
      return std::min(here, source_.size());
    }
    while (is_blank(peek())) ++at_;
    if (style_ == Style::kDouble) skip_continuation();
    const size_t here = at_;
    if (style_ == Style::kDouble && peek() == '\\') {
      take_escape(c);
    } else if (peek() == c) {
      at_ += style_ == Style::kSingle && c == '\'' && peek(1) == '\'' ? 2 : 1;
    }
    return std::min(here, source_.size());
  }

  void skip_continuation() {
    while (peek() == '\\' && (peek(1) == '\n' || (peek(1) == '\r' && peek(2) == '\n'))) {
      at_ += 2;
      while (is_blank(peek())) ++at_;
    }
  }

  void take_escape(char first) {
    escape_at_ = at_;
    const char kind = peek(1);
    const size_t digits = kind == 'x' ? 2 : kind == 'u' ? 4 : kind == 'U' ? 8 : 0;
    at_ = std::min(source_.size(), at_ + 2 + digits);
    const auto lead = static_cast<unsigned char>(first);
    escape_left_ = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : lead >= 0xC0 ? 1 : 0;
  }

  const std::string& source_;
  const Lines& lines_;
  const std::string* file_;
  size_t at_ = 0;
  size_t escape_at_ = 0;
  int escape_left_ = 0;
  Style style_ = Style::kPlain;
};

class Reader {
 public:
  Reader(const std::string& source, const std::string* file) : source_(source), file_(file), lines_(source) {}

  YamlNode convert(const YAML::Node& node, int depth = 0) {
    YamlNode out;
    out.mark = mark_of(node);
    if (depth > kDepthMax) throw TooMuch{out.mark, "the YAML is nested too deeply"};
    if (++nodes_ > kNodesMax) throw TooMuch{out.mark, "the YAML has too many nodes (aliases of aliases?)"};
    if (node.IsScalar()) {
      out.kind = YamlNode::Kind::kScalar;
      const std::string& scalar = node.Scalar();
      bytes_ += scalar.size();
      if (bytes_ > kBytesMax) throw TooMuch{out.mark, "the YAML is too large (aliases of aliases?)"};
      out.text = ScalarMapper(source_, lines_, file_).map(scalar, out.mark);
    } else if (node.IsSequence()) {
      out.kind = YamlNode::Kind::kSequence;
      for (const auto& item : node) out.items.push_back(convert(item, depth + 1));
    } else if (node.IsMap()) {
      out.kind = YamlNode::Kind::kMap;
      for (const auto& entry : node)
        out.entries.emplace_back(convert(entry.first, depth + 1), convert(entry.second, depth + 1));
    }
    return out;
  }

 private:
  static constexpr size_t kBytesMax = 64u * 1024 * 1024;
  [[nodiscard]] Mark mark_of(const YAML::Node& node) const {
    const YAML::Mark mark = node.Mark();
    if (mark.is_null()) return {file_, 0, 0};
    return {file_, mark.line + 1, mark.column + 1};
  }
  const std::string& source_;
  const std::string* file_;
  Lines lines_;
  size_t nodes_ = 0;
  size_t bytes_ = 0;
};

}  // namespace

const YamlNode* YamlNode::find(std::string_view key) const {
  for (const auto& [name, value] : entries)
    if (name.is_scalar() && name.str() == key) return &value;
  return nullptr;
}

const YamlNode* YamlNode::find_key(std::string_view key) const {
  for (const auto& entry : entries)
    if (entry.first.is_scalar() && entry.first.str() == key) return &entry.first;
  return nullptr;
}

bool read_yaml(const std::string& source, const std::string* file, Diagnostics& diagnostics,
               std::vector<YamlNode>& documents) {
  try {
    Reader reader(source, file);
    for (const YAML::Node& document : YAML::LoadAll(source)) documents.push_back(reader.convert(document));
    return true;
  } catch (const YAML::Exception& e) {
    Position position{*file, 0, 0};
    if (!e.mark.is_null()) position = {*file, e.mark.line + 1, e.mark.column + 1};
    diagnostics.error(position, "not valid YAML: " + e.msg, "the whole file is left out until this is mended",
                      "LOAD_ERR_YAML_PARSE");
  } catch (const TooMuch& e) {
    diagnostics.error(e.mark.position(), e.what, {}, "LOAD_ERR_YAML_PARSE");
  } catch (const std::exception& e) {
    diagnostics.error({*file, 0, 0}, std::string("cannot be read as YAML: ") + e.what(), {}, "LOAD_ERR_YAML_PARSE");
  }
  return false;
}

}  // namespace tiercel::rule
