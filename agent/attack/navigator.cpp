#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>

#include <algorithm>

#include "agent/attack/coverage.h"

namespace tiercel::attack {
namespace {

using Writer = rapidjson::PrettyWriter<rapidjson::StringBuffer>;

void put(Writer& out, std::string_view key, std::string_view value) {
  out.Key(key.data(), static_cast<rapidjson::SizeType>(key.size()));
  out.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
}

void put_cell(Writer& out, const Tactic& tactic, const Cell& cell) {
  std::string comment;
  for (const std::string& name : cell.rules) comment += (comment.empty() ? "" : "; ") + name;
  out.StartObject();
  put(out, "techniqueID", cell.technique->id);
  put(out, "tactic", tactic.name);
  out.Key("score");
  out.Uint64(cell.rules.size());
  put(out, "comment", comment);
  out.Key("enabled");
  out.Bool(true);
  out.Key("showSubtechniques");
  out.Bool(cell.technique->id.find('.') == std::string_view::npos);
  out.EndObject();
}

void put_head(Writer& out) {
  put(out, "name", "Tiercel's rules");
  put(out, "description", "Techniques that the rules name; the score is the number of rules");
  put(out, "domain", "enterprise-attack");
  const std::string_view whole = version();
  out.Key("versions");
  out.StartObject();
  put(out, "attack", whole.substr(0, whole.find('.')));
  put(out, "navigator", "5.1.0");
  put(out, "layer", "4.5");
  out.EndObject();
  out.Key("filters");
  out.StartObject();
  out.Key("platforms");
  out.StartArray();
  out.String("Linux");
  out.String("Containers");
  out.EndArray();
  out.EndObject();
}

void put_gradient(Writer& out, size_t most) {
  out.Key("gradient");
  out.StartObject();
  out.Key("colors");
  out.StartArray();
  out.String("#dbe9f6");
  out.String("#1f5f99");
  out.EndArray();
  out.Key("minValue");
  out.Uint64(1);
  out.Key("maxValue");
  out.Uint64(most);
  out.EndObject();
}

}  // namespace

std::string to_navigator(const Coverage& coverage) {
  rapidjson::StringBuffer buffer;
  Writer out(buffer);
  out.SetIndent(' ', 1);
  size_t most = 2;
  out.StartObject();
  put_head(out);
  out.Key("techniques");
  out.StartArray();
  for (const Column& column : coverage.columns) {
    for (const Cell& cell : column.cells) {
      put_cell(out, *column.tactic, cell);
      most = std::max(most, cell.rules.size());
    }
  }
  out.EndArray();
  put_gradient(out, most);
  out.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

}  // namespace tiercel::attack
