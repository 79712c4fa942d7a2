// config_pages.h: the JSON Schema.
#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>

#include <algorithm>
#include <cctype>
#include <utility>

#include "agent/cli/config_pages.h"

namespace tiercel::cli {
namespace {

using config::KeyInfo;
using Kind = KeyInfo::Kind;
using Writer = rapidjson::PrettyWriter<rapidjson::StringBuffer>;

constexpr const char* kVariable = R"(\$\{)";  // the environment decides

// A key as what is left of its path below the object that is being written.
struct Rest {
  std::string path;
  const KeyInfo* key;
};

class Schema {
 public:
  explicit Schema(const Sections& sections) : sections_(sections) {}

  std::string write(const std::vector<KeyInfo>& keys) {
    std::vector<Rest> all;
    for (const KeyInfo& key : keys) all.push_back({key.path, &key});
    out_.StartObject();
    put("$schema", "http://json-schema.org/draft-07/schema#");
    put("title", "tiercel.yaml");
    object(all, "");
    out_.EndObject();
    return std::string(buffer_.GetString(), buffer_.GetSize()) + "\n";
  }

 private:
  void text(const std::string& value) { out_.String(value.data(), static_cast<rapidjson::SizeType>(value.size())); }
  void put(const char* name, const std::string& value) {
    out_.Key(name);
    text(value);
  }
  void types(std::initializer_list<const char*> names) {
    out_.Key("type");
    out_.StartArray();
    for (const char* name : names) out_.String(name);
    out_.EndArray();
  }
  void about(const std::string& section) {
    if (const auto found = sections_.find(section); found != sections_.end()) put("description", found->second);
  }

  // The members of a map, without its braces. A section whose keys are all commented out is null.
  void object(const std::vector<Rest>& rests, const std::string& path) {
    types({"object", "null"});
    out_.Key("additionalProperties");
    out_.Bool(false);
    out_.Key("properties");
    out_.StartObject();
    std::vector<std::string> done;
    for (const Rest& rest : rests) {
      const std::string name = rest.path.substr(0, rest.path.find_first_of(".["));
      if (std::find(done.begin(), done.end(), name) != done.end()) continue;
      done.push_back(name);
      out_.Key(name.c_str());
      out_.StartObject();
      member(rests, name, path.empty() ? name : path + "." + name);
      out_.EndObject();
    }
    out_.EndObject();
  }

  void member(const std::vector<Rest>& rests, const std::string& name, const std::string& path) {
    std::vector<Rest> inner;                                    // of a map, or of each item of a list
    std::vector<std::pair<std::string, std::vector<Rest>>> by;  // of outputs by type
    bool list = false;
    for (const Rest& rest : rests) {
      if (rest.path == name) return value(*rest.key);
      if (!rest.path.starts_with(name) || (rest.path[name.size()] != '.' && rest.path[name.size()] != '[')) continue;
      const size_t close = rest.path[name.size()] == '[' ? rest.path.find(']') : name.size() - 1;
      const std::string type =
          rest.path[name.size()] == '[' ? rest.path.substr(name.size() + 1, close - name.size() - 1) : "";
      list = list || rest.path[name.size()] == '[';
      Rest below{rest.path.substr(close + 2), rest.key};
      if (type.empty()) {
        inner.push_back(std::move(below));
        continue;
      }
      if (by.empty() || by.back().first != type) by.push_back({type, {}});
      by.back().second.push_back(std::move(below));
    }
    about(path);
    if (!list) return object(inner, path);
    types({"array", "null"});
    out_.Key("items");
    out_.StartObject();
    if (by.empty()) {
      object(inner, path + "[]");
    } else {
      out_.Key("oneOf");
      out_.StartArray();
      for (const auto& [type, below] : by) output(type, below, path);
      out_.EndArray();
    }
    out_.EndObject();
  }

  void output(const std::string& type, const std::vector<Rest>& below, const std::string& path) {
    out_.StartObject();
    about(path + "[" + type + "]");
    put("type", "object");
    out_.Key("additionalProperties");
    out_.Bool(false);
    out_.Key("required");
    out_.StartArray();
    out_.String("type");
    out_.EndArray();
    out_.Key("properties");
    out_.StartObject();
    out_.Key("type");
    out_.StartObject();
    put("const", type);
    out_.EndObject();
    out_.Key("config");
    out_.StartObject();
    member(below, "config", path + "[" + type + "].config");
    out_.EndObject();
    out_.EndObject();
    out_.EndObject();
  }

  void value(const KeyInfo& key) {
    if (!key.about.empty()) put("description", key.about);
    switch (key.kind) {
      case Kind::kBoolean:
        types({"boolean", "string"});
        put("pattern", std::string("^(true|false|yes|no|on|off)$|") + kVariable);
        break;
      case Kind::kNumber:
        types({"integer", "string"});
        out_.Key("minimum");
        out_.Uint64(key.min);
        out_.Key("maximum");
        out_.Uint64(key.max);
        put("pattern", kVariable);
        break;
      case Kind::kPath:
        put("type", "string");
        put("pattern", std::string("^/|") + kVariable);
        break;
      case Kind::kPriority:
      case Kind::kWord:
        one_of_words(key);
        break;
      case Kind::kTexts:
        types({"array", "string", "null"});
        scalars("items");
        break;
      case Kind::kNumbers:
        types({"array", "null"});
        scalars("items");
        break;
      case Kind::kFields:
        types({"array", "null"});
        break;
      case Kind::kMap:
        types({"object", "null"});
        scalars("additionalProperties");
        break;
      case Kind::kText:
      case Kind::kHost:
      case Kind::kSecret:
        types({"string", "number", "boolean"});
        break;
      case Kind::kSection:
      case Kind::kAny:
        break;
    }
    fallback(key);
  }

  void scalars(const char* where) {
    out_.Key(where);
    out_.StartObject();
    types({"string", "number", "boolean"});
    out_.EndObject();
  }

  // The words for editors to complete; a priority is taken in any case, and by its other names.
  void one_of_words(const KeyInfo& key) {
    std::string pattern = kVariable;
    if (key.kind == Kind::kPriority) {
      pattern += "|^(";
      for (std::string word : {"info", "high", "medium", "low"}) pattern += any_case(word) + "|";
      for (const std::string& word : key.words) pattern += any_case(word) + (word == key.words.back() ? ")$" : "|");
    }
    out_.Key("anyOf");
    out_.StartArray();
    out_.StartObject();
    out_.Key("enum");
    out_.StartArray();
    for (const std::string& word : key.words) text(word);
    out_.EndArray();
    out_.EndObject();
    out_.StartObject();
    put("type", "string");
    put("pattern", pattern);
    out_.EndObject();
    out_.EndArray();
  }

  static std::string any_case(const std::string& word) {
    std::string out;
    for (unsigned char c : word)
      out += std::string("[") + static_cast<char>(std::toupper(c)) + static_cast<char>(std::tolower(c)) + "]";
    return out;
  }

  void fallback(const KeyInfo& key) {
    if (key.fallback.empty()) return;
    if (key.kind == Kind::kBoolean || key.kind == Kind::kNumber) {
      out_.Key("default");
      out_.RawValue(key.fallback.data(), key.fallback.size(), rapidjson::kNumberType);
    } else if (key.kind == Kind::kTexts) {
      out_.Key("default");
      out_.StartArray();
      std::string item;
      for (char c : key.fallback.substr(1)) {
        if (c == ',' || c == ']') {
          if (!item.empty()) text(item);
          item.clear();
        } else if (c != ' ') {
          item += c;
        }
      }
      out_.EndArray();
    } else {
      put("default", key.fallback == "\"\"" ? "" : key.fallback);
    }
  }

  const Sections& sections_;
  rapidjson::StringBuffer buffer_;
  Writer out_{buffer_};
};

}  // namespace

std::string config_schema(const std::vector<KeyInfo>& keys, const Sections& sections) {
  return Schema(sections).write(keys);
}

}  // namespace tiercel::cli
