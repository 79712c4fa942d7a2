#include "agent/falco/tree.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>

#include "agent/base/fd.h"
#include "agent/config/reading.h"

namespace tiercel::falco {

using config::TreeNode;
using Kind = TreeNode::Kind;

namespace {

constexpr size_t kFileBytesMax = 1 << 20;
constexpr const char* kConfigFiles = "config_files";

config::Member* find(TreeNode& map, const std::string& key) {
  auto it = std::find_if(map.members.begin(), map.members.end(),
                         [&](const config::Member& member) { return member.key == key; });
  return it == map.members.end() ? nullptr : &*it;
}

Position position_of(const TreeNode& node) {
  return {node.file ? *node.file : std::string(), node.line, node.column};
}

struct Include {
  std::string path;
  Strategy strategy = Strategy::kAppend;
};

class Files {
 public:
  Files(const std::string& main, Diagnostics& diagnostics, const config::Environment& environment,
        std::vector<std::string>& read)
      : main_(main), diagnostics_(diagnostics), environment_(environment), read_(read) {}

  bool read_one(const std::string& path, TreeNode& into) {
    auto text = read_file(path, kFileBytesMax);
    if (!text) {
      diagnostics_.error({path, 0, 0}, text.error().message, "name another file with -c FILE");
      return false;
    }
    read_.push_back(path);
    if (!config::read_tree(*text, path, diagnostics_, into, environment_)) return false;
    if (into.kind == Kind::kMap || into.kind == Kind::kNull) return true;
    diagnostics_.error({path, into.line, into.column}, "a configuration is a map of keys",
                       into.kind == Kind::kSequence ? "a list of rules belongs to rules_files, or -r FILE" : "");
    return false;
  }

  void include_all(TreeNode& root) {
    const config::Member* member = find(root, kConfigFiles);
    if (member == nullptr) return;
    const std::vector<Include> includes = includes_of(member->value);  // a merge may move the node
    const Position where = position_of(member->value);
    for (const Include& include : includes) {
      std::error_code code;
      if (std::filesystem::is_directory(include.path, code)) {
        for (const std::string& path : files_in(include.path)) include_one(path, include.strategy, where, root);
      } else if (std::filesystem::exists(include.path, code)) {
        include_one(include.path, include.strategy, where, root);
      }
    }
  }

 private:
  std::vector<Include> includes_of(const TreeNode& node) {
    std::vector<Include> out;
    if (node.kind == Kind::kScalar && !node.text.empty()) out.push_back({node.text});
    for (const TreeNode& item : node.items) {
      if (item.kind == Kind::kScalar) {
        if (!item.text.empty()) out.push_back({item.text});
      } else if (auto include = include_of(item)) {
        out.push_back(*include);
      }
    }
    return out;
  }

  std::optional<Include> include_of(const TreeNode& item) {
    struct Entry {
      std::string path, strategy = "append";
      const TreeNode* strategy_node = nullptr;
    } entry;
    static constexpr config::Key<Entry> kEntryKeys[] = {
        {"path", [](config::Reading& r, const TreeNode& n, Entry& e) { r.text(n, e.path); }},
        {"strategy",
         [](config::Reading& r, const TreeNode& n, Entry& e) {
           e.strategy_node = &n;
           r.text(n, e.strategy);
         }},
    };
    config::Reading reading(main_, diagnostics_);
    reading.set_lenient(true);
    reading.enter(kConfigFiles);
    reading.map(item, kEntryKeys, entry);
    if (entry.path.empty()) {
      reading.error(item, "needs a path");
      return std::nullopt;
    }
    if (entry.strategy == "append") return Include{entry.path, Strategy::kAppend};
    if (entry.strategy == "override") return Include{entry.path, Strategy::kOverride};
    if (entry.strategy == "add-only") return Include{entry.path, Strategy::kAddOnly};
    reading.enter("strategy");
    constexpr std::array<std::string_view, 3> kStrategies{"append", "override", "add-only"};
    reading.no_such_word(*entry.strategy_node, kStrategies);
    return std::nullopt;
  }

  static std::vector<std::string> files_in(const std::string& folder) {
    std::vector<std::string> out;
    std::error_code code;
    for (std::filesystem::directory_iterator it(folder, code), end; !code && it != end; it.increment(code)) {
      const auto extension = it->path().extension();
      if ((extension == ".yaml" || extension == ".yml") && !it->is_directory(code)) out.push_back(it->path().string());
    }
    std::sort(out.begin(), out.end());
    return out;
  }

  void include_one(const std::string& path, Strategy strategy, const Position& where, TreeNode& root) {
    std::error_code code;
    if (std::filesystem::equivalent(path, main_, code)) {
      diagnostics_.error(where, "config_files names the file that it is in: " + path, "take it out of config_files");
      return;
    }
    TreeNode more;
    if (!read_one(path, more)) return;
    if (const config::Member* nested = find(more, kConfigFiles)) {
      diagnostics_.error({path, nested->line, nested->column}, "config_files in a file that config_files named",
                         "name all files in " + main_);
      return;
    }
    merge(root, more, strategy);
  }

  const std::string& main_;
  Diagnostics& diagnostics_;
  const config::Environment& environment_;
  std::vector<std::string>& read_;
};

}  // namespace

void merge(TreeNode& root, const TreeNode& more, Strategy strategy) {
  if (root.kind != Kind::kMap) {
    root = more;
    return;
  }
  for (const config::Member& member : more.members) {
    config::Member* there = find(root, member.key);
    if (there == nullptr) {
      root.members.push_back(member);
    } else if (strategy == Strategy::kAppend && there->value.kind == Kind::kSequence &&
               member.value.kind == Kind::kSequence) {
      there->value.items.insert(there->value.items.end(), member.value.items.begin(), member.value.items.end());
    } else if (strategy != Strategy::kAddOnly) {
      *there = member;
    }
  }
}

bool read_files(const std::string& path, Diagnostics& diagnostics, const config::Environment& environment,
                TreeNode& root, std::vector<std::string>& read) {
  Files files(path, diagnostics, environment, read);
  if (!files.read_one(path, root)) return false;
  files.include_all(root);
  return true;
}

}  // namespace tiercel::falco
