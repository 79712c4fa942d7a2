#include "agent/config/load.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <map>
#include <sstream>
#include <utility>
#include <vector>

#include "agent/base/fd.h"
#include "agent/config/enrolment.h"
#include "agent/config/keys.h"
#include "agent/config/shipped.h"
#include "agent/config/text.h"
#include "agent/config/tiercel_text.h"

namespace tiercel::config {
namespace {

constexpr size_t kNodesMax = 20'000;  // aliases count each time: a few lines can stand for billions
constexpr size_t kDepthMax = 32;

// What stops a parse from within: the place and the message.
struct Refusal {
  YAML::Mark mark;
  std::string message;
};

// yaml-cpp's events -> a TreeNode tree. Events and not its documents: YAML::LoadAll never ends on a file that begins
// with a comma, and a tree of its nodes would have to be copied to bound what aliases stand for.
class Builder final : public YAML::EventHandler {
 public:
  Builder(const Environment& environment, const std::string& file, TreeNode& root)
      : environment_(environment), file_(std::make_shared<const std::string>(file)), root_(root) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (std::exchange(started_, true)) throw Refusal{mark, "a second document begins here; the file must hold one"};
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { leaf(begin(mark), anchor); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override;
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override;
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, anchor, TreeNode::Kind::kSequence);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, anchor, TreeNode::Kind::kMap);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Open {
    TreeNode node;
    YAML::anchor_t anchor = 0;
    bool wants_value = false;  // of a map: its last key has none yet
  };
  [[nodiscard]] TreeNode begin(const YAML::Mark& mark) const {
    TreeNode node;
    node.file = file_;
    node.line = mark.line + 1;
    node.column = mark.column + 1;
    return node;
  }
  [[nodiscard]] static size_t count(const TreeNode& node);
  bool take_key(const YAML::Mark& mark, const std::string* key);
  void open(const YAML::Mark& mark, YAML::anchor_t anchor, TreeNode::Kind kind);
  void close();
  void leaf(TreeNode node, YAML::anchor_t anchor);
  void add_nodes(const YAML::Mark& mark, size_t nodes) {
    nodes_ += nodes;
    if (nodes_ > kNodesMax) throw Refusal{mark, "more than " + std::to_string(kNodesMax) + " values"};
  }

  const Environment& environment_;
  const std::shared_ptr<const std::string> file_;
  TreeNode& root_;
  bool started_ = false;
  size_t nodes_ = 0;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, TreeNode> anchored_;
};

size_t Builder::count(const TreeNode& node) {
  size_t nodes = 1;
  for (const TreeNode& item : node.items) nodes += count(item);
  for (const Member& member : node.members) nodes += count(member.value);
  return nodes;
}

// True: what comes now is a map's key, and was taken. A null pointer is a key that is no text.
bool Builder::take_key(const YAML::Mark& mark, const std::string* key) {
  if (open_.empty() || open_.back().node.kind != TreeNode::Kind::kMap || open_.back().wants_value) return false;
  if (key == nullptr) throw Refusal{mark, "a key must be a plain word"};
  Member& member = open_.back().node.members.emplace_back();
  member.key = *key;
  member.line = mark.line + 1;
  member.column = mark.column + 1;
  open_.back().wants_value = true;
  return true;
}

void Builder::OnScalar(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor, const std::string& value) {
  if (take_key(mark, &value)) return;
  TreeNode node = begin(mark);
  node.kind = TreeNode::Kind::kScalar;
  node.written = value;
  bool may_not = false;
  auto text = expand_variables(
      value, environment_ ? environment_ : [&may_not](const std::string&) {
        may_not = true;
        return std::optional<std::string>();
      });
  if (!text) throw Refusal{mark, text.error().message};
  if (may_not)
    throw Refusal{mark, "${...} stands for a variable of the host's environment, which a group has no part in"};
  node.text = std::move(*text);
  leaf(std::move(node), anchor);
}

void Builder::OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) {
  take_key(mark, nullptr);
  auto it = anchored_.find(anchor);
  if (it == anchored_.end()) throw Refusal{mark, "an alias inside of what it stands for"};
  add_nodes(mark, count(it->second));
  leaf(it->second, 0);
}

void Builder::open(const YAML::Mark& mark, YAML::anchor_t anchor, TreeNode::Kind kind) {
  take_key(mark, nullptr);
  if (open_.size() >= kDepthMax) throw Refusal{mark, "nested too deep"};
  Open& opened = open_.emplace_back();
  opened.node = begin(mark);
  opened.node.kind = kind;
  opened.anchor = anchor;
}

void Builder::close() {
  Open closed = std::move(open_.back());
  open_.pop_back();
  leaf(std::move(closed.node), closed.anchor);
}

// A node is complete: it goes to where it belongs.
void Builder::leaf(TreeNode node, YAML::anchor_t anchor) {
  YAML::Mark mark;
  mark.line = node.line - 1;
  mark.column = node.column - 1;
  add_nodes(mark, 1);
  if (node.kind == TreeNode::Kind::kNull) take_key(mark, nullptr);
  if (anchor != 0) anchored_[anchor] = node;
  if (open_.empty()) {
    root_ = std::move(node);
    return;
  }
  Open& parent = open_.back();
  if (parent.node.kind == TreeNode::Kind::kSequence) {
    parent.node.items.push_back(std::move(node));
    return;
  }
  parent.wants_value = false;
  Member& member = parent.node.members.back();
  if (node.kind == TreeNode::Kind::kNull) {  // an empty value has no place of its own
    node.line = member.line;
    node.column = member.column;
  }
  member.value = std::move(node);
}

bool parse_yaml(const std::string& text, const std::string& file, Diagnostics& diagnostics,
                const Environment& environment, TreeNode& root) {
  root.line = root.column = 1;
  auto refuse = [&](const YAML::Mark& mark, const std::string& message) {
    diagnostics.error({file, mark.line + 1, mark.column + 1}, message);
    return false;
  };
  try {
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    Builder builder(environment, file, root);
    while (parser.HandleNextDocument(builder)) {
    }
    return true;
  } catch (const Refusal& refusal) {
    return refuse(refusal.mark, refusal.message);
  } catch (const YAML::Exception& e) {
    return refuse(e.mark, "not YAML: " + e.msg);
  } catch (const std::exception& e) {
    return refuse(YAML::Mark::null_mark(), std::string("not YAML: ") + e.what());
  }
}

}  // namespace

Environment process_environment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) return std::nullopt;
    return value;
  };
}

std::optional<Config> parse(const std::string& text, const std::string& file, Diagnostics& diagnostics,
                            const Environment& environment) {
  const size_t errors_before = diagnostics.errors();
  diagnostics.add_source(file, without_secrets(text));
  TreeNode root;
  Config config;
  if (parse_yaml(text, file, diagnostics, environment, root)) {
    Reading reading(file, diagnostics);
    read_config(reading, root, config);
  }
  if (diagnostics.errors() > errors_before) return std::nullopt;
  return config;
}

bool read_tree(const std::string& text, const std::string& file, Diagnostics& diagnostics, TreeNode& root,
               const Environment& environment) {
  diagnostics.add_source(file, without_secrets(text));
  return parse_yaml(text, file, diagnostics, environment, root);
}

std::optional<Config> load(const std::string& path, Diagnostics& diagnostics, const Environment& environment) {
  auto text = read_file(path, kFileBytesMax);
  if (!text) {
    diagnostics.error({path, 0, 0}, text.error().message, "name another file with --config FILE");
    return std::nullopt;
  }
  auto config = parse(*text, path, diagnostics, environment);
  const std::string enrolment_file = enrolment_file_of(path);
  std::error_code ignored;
  if (!config || !std::filesystem::exists(enrolment_file, ignored)) return config;
  text = read_file(enrolment_file, kFileBytesMax);
  if (!text) {
    diagnostics.error({enrolment_file, 0, 0}, text.error().message, "write it anew: tiercel enroll --manager HOST");
    return std::nullopt;
  }
  const auto enrolment = parse(*text, enrolment_file, diagnostics, environment);
  if (!enrolment) return std::nullopt;
  take_enrolment(config->wazuh, enrolment->wazuh);
  return config;
}

namespace {

std::vector<KeyInfo> listed_keys() {
  std::vector<KeyInfo> keys;
  Reading reading(keys);
  Config ignored;
  read_config(reading, TreeNode{}, ignored);
  return keys;
}

}  // namespace

std::vector<KeyInfo> described_keys() {
  std::vector<KeyInfo> keys = listed_keys();
  const Shipped shipped = read_shipped(kShippedText, keys);
  const auto top_of = [](const KeyInfo& key) { return key.path.substr(0, key.path.find_first_of(".[")); };
  const auto place = [&](const KeyInfo& key) { return std::ranges::find(shipped.order, top_of(key)); };
  std::ranges::stable_sort(keys, {}, place);
  for (KeyInfo& key : keys) {
    const std::string top = top_of(key);
    key.from_group = from_group(top).value_or(FromGroup::kNever);
    key.about = shipped.about_of(key.path);
    if (const auto title = shipped.titles.find(top); title != shipped.titles.end()) key.title = title->second;
  }
  return keys;
}

std::map<std::string, std::string> described_sections() {
  const std::vector<KeyInfo> keys = listed_keys();
  std::map<std::string, std::string> about = read_shipped(kShippedText, keys).about;
  for (const KeyInfo& key : keys) about.erase(key.path);
  return about;
}

std::vector<std::string> known_keys() {
  std::vector<std::string> paths;
  for (KeyInfo& key : listed_keys()) paths.push_back(std::move(key.path));
  return paths;
}

std::string_view shipped_text() {
  return kShippedText;
}

}  // namespace tiercel::config
