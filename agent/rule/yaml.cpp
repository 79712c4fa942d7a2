#include "agent/rule/yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <sstream>
#include <unordered_map>

namespace tiercel::rule {
namespace {

constexpr size_t kDepthMax = 64;
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

// Builds the tree from the parser's events. (YAML::LoadAll is not used: on input such as "- a: |\n,b" version 0.7
// makes empty documents for ever.)
class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(const std::string& source, const std::string* file, std::vector<YamlNode>& documents)
      : source_(source), file_(file), lines_(source), documents_(documents) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (documents_begun_ > 0 && mark.pos == last_start_) throw TooMuch{mark_of(mark), "not valid YAML"};
    last_start_ = mark.pos;
    ++documents_begun_;
    anchors_.clear();
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    add(make(YamlNode::Kind::kNull, mark), anchor, 1);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    auto it = anchors_.find(anchor);
    if (it == anchors_.end()) throw TooMuch{mark_of(mark), "an alias inside the node that it stands for"};
    count(mark, it->second.weight);
    add(YamlNode(it->second.node), 0, it->second.weight);
  }

  void OnScalar(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor, const std::string& value) override {
    YamlNode node = make(YamlNode::Kind::kScalar, mark);
    const size_t weight = 1 + value.size() / kBytesPerNode;
    count(mark, weight);
    node.text = ScalarMapper(source_, lines_, file_).map(value, node.mark);
    add(std::move(node), anchor, weight);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(YamlNode::Kind::kSequence, mark, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(YamlNode::Kind::kMap, mark, anchor);
  }
  void OnMapEnd() override { close(); }

 private:
  static constexpr size_t kBytesPerNode = 16;  // how much text weighs as much as a node
  struct Open {
    YamlNode node;
    YAML::anchor_t anchor = 0;
    size_t weight = 1;
    bool has_key = false;
    YamlNode key;
  };
  struct Anchor {
    YamlNode node;
    size_t weight = 0;
  };

  [[nodiscard]] Mark mark_of(const YAML::Mark& mark) const {
    if (mark.is_null()) return {file_, 0, 0};
    return {file_, mark.line + 1, mark.column + 1};
  }
  [[nodiscard]] YamlNode make(YamlNode::Kind kind, const YAML::Mark& mark) const {
    YamlNode node;
    node.kind = kind;
    node.mark = mark_of(mark);
    return node;
  }
  void count(const YAML::Mark& mark, size_t weight) {
    weight_ += weight;
    if (weight_ > kNodesMax) throw TooMuch{mark_of(mark), "the YAML is too large (aliases of aliases?)"};
  }
  void open(YamlNode::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (stack_.size() >= kDepthMax) throw TooMuch{mark_of(mark), "the YAML is nested too deeply"};
    count(mark, 1);
    stack_.emplace_back();
    stack_.back().node = make(kind, mark);
    stack_.back().anchor = anchor;
  }
  void close() {
    Open done = std::move(stack_.back());
    stack_.pop_back();
    add(std::move(done.node), done.anchor, done.weight);
  }
  void add(YamlNode node, YAML::anchor_t anchor, size_t weight) {
    if (anchor != 0) {
      count({}, weight);
      anchors_[anchor] = {node, weight};
    }
    if (stack_.empty()) {
      documents_.push_back(std::move(node));
      return;
    }
    Open& top = stack_.back();
    top.weight += weight;
    if (top.node.kind == YamlNode::Kind::kSequence) {
      top.node.items.push_back(std::move(node));
    } else if (!top.has_key) {
      top.key = std::move(node);
      top.has_key = true;
    } else {
      top.node.entries.push_back({std::move(top.key), std::move(node)});
      top.has_key = false;
    }
  }

  const std::string& source_;
  const std::string* file_;
  Lines lines_;
  std::vector<YamlNode>& documents_;
  std::vector<Open> stack_;
  std::unordered_map<YAML::anchor_t, Anchor> anchors_;
  size_t weight_ = 0;
  int documents_begun_ = 0;
  int last_start_ = -1;
};

}  // namespace

const YamlNode* YamlNode::find(std::string_view key) const {
  for (const auto& [name, value] : entries)
    if (name.is_scalar() && name.str() == key) return &value;
  return nullptr;
}

const YamlNode* YamlNode::find_key(std::string_view key) const {
  for (const YamlEntry& entry : entries)
    if (entry.key.is_scalar() && entry.key.str() == key) return &entry.key;
  return nullptr;
}

bool read_yaml(const std::string& source, const std::string* file, Diagnostics& diagnostics,
               std::vector<YamlNode>& documents) {
  try {
    std::istringstream stream(source);
    YAML::Parser parser(stream);
    TreeBuilder builder(source, file, documents);
    while (parser.HandleNextDocument(builder)) {
    }
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
