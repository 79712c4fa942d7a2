#include "agent/falco/reference.h"

#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>

#include "agent/falco/keys.h"

namespace tiercel::falco {
namespace {

using Pretty = rapidjson::PrettyWriter<rapidjson::StringBuffer>;

template <class Writer>
void put(Writer& out, const char* key, std::string_view value) {
  out.Key(key);
  out.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
}

void put_type(Pretty& out, const char* type) {
  put(out, "type", type);
}

void put_section(Pretty& out, const std::string& section);

void put_key(Pretty& out, const KeyRow& row) {
  out.StartObject();
  switch (row.type) {
    case KeyType::kBool:
      put_type(out, "boolean");
      break;
    case KeyType::kInteger:
      put_type(out, "integer");
      break;
    case KeyType::kNumber:
      put_type(out, "number");
      break;
    case KeyType::kText:
      put_type(out, "string");
      break;
    case KeyType::kTexts:
      put_type(out, "array");
      out.Key("items");
      out.StartObject();
      put_type(out, "string");
      out.EndObject();
      break;
    case KeyType::kMap:
      put_section(out, std::string(row.path));
      break;
    case KeyType::kMaps:
      put_type(out, "array");
      out.Key("items");
      out.StartObject();
      put_section(out, std::string(row.path) + "[]");
      out.EndObject();
      break;
    case KeyType::kAny:
      break;
  }
  put(out, "description", std::string(standing_text(row.standing)) + ": " + std::string(row.note));
  out.EndObject();
}

void put_section(Pretty& out, const std::string& section) {
  put_type(out, "object");
  out.Key("additionalProperties");
  out.Bool(false);
  out.Key("properties");
  out.StartObject();
  for (const std::string_view name : keys_in(section)) {
    const std::string path = section.empty() ? std::string(name) : section + "." + std::string(name);
    out.Key(name.data(), static_cast<rapidjson::SizeType>(name.size()));
    put_key(out, *find_key(path));
  }
  out.EndObject();
}

std::string cell(std::string_view text) {
  std::string out;
  for (char c : text) out += c == '|' ? std::string("\\|") : std::string(1, c);
  return out;
}

}  // namespace

std::string keys_markdown() {
  std::string out = "| Key | Type | Falco's default | Here | What it does, or why not |\n|---|---|---|---|---|\n";
  for (const KeyRow& row : all_keys()) {
    const std::string absent = row.absent.empty() ? "" : "`" + cell(row.absent) + "`";
    out += "| `" + cell(row.path) + "` | " + std::string(type_text(row.type)) + " | " + absent + " | " +
           std::string(standing_text(row.standing)) + " | " + cell(row.note) + " |\n";
  }
  return out;
}

std::string keys_plain() {
  size_t width = 0;
  for (const KeyRow& row : all_keys()) width = std::max(width, row.path.size());
  std::string out;
  for (const KeyRow& row : all_keys()) {
    std::string line(row.path);
    line.resize(width + 2, ' ');
    line += standing_text(row.standing);
    line.resize(width + 11, ' ');
    out += line + std::string(row.note) + "\n";
  }
  return out;
}

std::string keys_json() {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> out(buffer);
  out.StartArray();
  for (const KeyRow& row : all_keys()) {
    out.StartObject();
    put(out, "key", row.path);
    put(out, "type", type_text(row.type));
    put(out, "default", row.absent);
    put(out, "standing", standing_text(row.standing));
    put(out, "note", row.note);
    out.EndObject();
  }
  out.EndArray();
  return std::string(buffer.GetString()) + "\n";
}

std::string config_schema() {
  rapidjson::StringBuffer buffer;
  Pretty out(buffer);
  out.SetIndent(' ', 2);
  out.StartObject();
  put(out, "$schema", "http://json-schema.org/draft-06/schema#");
  put(out, "title", "falco.yaml as tiercel reads it");
  put_section(out, {});
  out.EndObject();
  return std::string(buffer.GetString()) + "\n";
}

}  // namespace tiercel::falco
