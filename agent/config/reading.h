// Reading: typed reads from a tree of TreeNodes into a struct's members, driven by tables of keys, with a Diagnostic
// for everything that is not as it should be. The same tables, walked without a file, list the known keys. Inner to
// agent/config and agent/falco; one thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "agent/base/diagnostic.h"
#include "agent/config/config.h"
#include "agent/config/key_info.h"
#include "agent/config/node.h"

namespace tiercel::config {

class Reading;

// A row of a table: what a key of a map fills. The function is called once per key that the file has.
template <class T>
struct Key {
  std::string_view name;
  void (*read)(Reading& reading, const TreeNode& node, T& into);
  FromGroup from_group = FromGroup::kIfAllowed;
};

// One of the words that a value may be, and what it stands for.
template <class E>
struct Word {
  std::string_view name;
  E value;
};

class Reading {
 public:
  Reading(std::string file, Diagnostics& diagnostics) : file_(std::move(file)), diagnostics_(&diagnostics) {}
  // Lists the tables' keys instead of reading.
  explicit Reading(std::vector<KeyInfo>& listing) : listing_(&listing) {}

  template <class T>
  void map(const TreeNode& node, std::type_identity_t<std::span<const Key<T>>> keys, T& into);
  template <class T>
  void list(const TreeNode& node, std::type_identity_t<std::span<const Key<T>>> keys, std::vector<T>& into);

  void boolean(const TreeNode& node, bool& into);
  void text(const TreeNode& node, std::string& into);
  void secret(const TreeNode& node, Secret& into);
  void absolute_path(const TreeNode& node, std::string& into);
  void host(const TreeNode& node, std::string& into);
  void priority(const TreeNode& node, uint8_t& into);
  void texts(const TreeNode& node, std::vector<std::string>& into);  // a list, or one text
  template <class N>
  void number(const TreeNode& node, uint64_t min, uint64_t max, N& into) {
    if (KeyInfo* key = list_key(KeyInfo::Kind::kNumber, std::to_string(into))) {
      key->min = min;
      key->max = max;
      return;
    }
    uint64_t value = into;
    if (read_number(node, min, max, value)) into = static_cast<N>(value);
  }
  template <class E, size_t N>
  void word(const TreeNode& node, const Word<E> (&words)[N], E& into);

  // As Falco reads its file: an unknown or repeated key is a warning, and what a variable left empty is not given.
  void set_lenient(bool lenient) { lenient_ = lenient; }

  [[nodiscard]] bool listing() const { return listing_ != nullptr; }
  void enter(std::string_view name) { path_.emplace_back(name); }
  void leave() { path_.pop_back(); }
  [[nodiscard]] std::string path() const;
  // True when listing; the key was then written down. What reads a value without the functions above begins with it.
  bool listed(KeyInfo::Kind kind = KeyInfo::Kind::kAny) { return list_key(kind, {}) != nullptr; }
  // ... whose value is one of these words.
  bool listed_words(std::span<const std::string_view> words);
  void unknown_key(const Member& member, std::span<const std::string_view> known);
  // True, and said, if a member before it has the same key.
  bool is_repeated(const TreeNode& node, size_t index);
  void error(const TreeNode& node, const std::string& message, std::string hint = {});
  void no_such_word(const TreeNode& node, std::span<const std::string_view> words);
  void warning(const TreeNode& node, const std::string& message, std::string hint = {});

 private:
  // When listing: the row that was added for the key, which holds `fallback` where the file says nothing.
  KeyInfo* list_key(KeyInfo::Kind kind, std::string fallback);
  bool read_number(const TreeNode& node, uint64_t min, uint64_t max, uint64_t& into);
  // The text of a scalar; false, and said, for anything else.
  bool scalar(const TreeNode& node, const char* wanted);
  // True: the scalar has a value that is no text.
  bool filled_scalar(const TreeNode& node, const char* wanted);
  [[nodiscard]] Position position_of(const TreeNode& node) const {
    return {node.file ? *node.file : file_, node.line, node.column};
  }
  bool is_map(const TreeNode& node);
  bool is_list(const TreeNode& node);
  void report(const Member& member, const std::string& message, std::string hint);

  std::string file_;
  Diagnostics* diagnostics_ = nullptr;
  std::vector<KeyInfo>* listing_ = nullptr;
  bool lenient_ = false;
  std::vector<std::string> path_;
};

template <class T>
void Reading::map(const TreeNode& node, std::type_identity_t<std::span<const Key<T>>> keys, T& into) {
  auto read = [&](const Key<T>& key, const TreeNode& value) {
    enter(key.name);
    key.read(*this, value, into);
    leave();
  };
  if (listing()) {
    for (const Key<T>& key : keys) read(key, node);
    return;
  }
  if (!is_map(node)) return;
  for (size_t i = 0; i < node.members.size(); ++i) {
    const Member& member = node.members[i];
    const Key<T>* found = nullptr;
    std::vector<std::string_view> names;
    for (const Key<T>& key : keys) {
      names.push_back(key.name);
      if (key.name == member.key) found = &key;
    }
    if (found == nullptr)
      unknown_key(member, names);
    else if (!is_repeated(node, i))
      read(*found, member.value);
  }
}

template <class T>
void Reading::list(const TreeNode& node, std::type_identity_t<std::span<const Key<T>>> keys, std::vector<T>& into) {
  if (listing()) {
    enter("[]");
    T ignored{};
    map(node, keys, ignored);
    leave();
    return;
  }
  if (!is_list(node)) return;
  into.clear();
  for (size_t i = 0; i < node.items.size(); ++i) {
    enter("[" + std::to_string(i) + "]");
    map(node.items[i], keys, into.emplace_back());
    leave();
  }
}

template <class E, size_t N>
void Reading::word(const TreeNode& node, const Word<E> (&words)[N], E& into) {
  if (KeyInfo* key = list_key(KeyInfo::Kind::kWord, {})) {
    for (const auto& [name, value] : words) {
      key->words.emplace_back(name);
      if (value == into) key->fallback = name;
    }
    return;
  }
  if (!filled_scalar(node, "a word")) return;
  std::vector<std::string_view> names;
  for (const auto& [name, value] : words) {
    if (name == node.text) {
      into = value;
      return;
    }
    names.push_back(name);
  }
  no_such_word(node, names);
}

}  // namespace tiercel::config
