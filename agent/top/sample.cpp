#include "agent/top/sample.h"

#include <rapidjson/document.h>
#include <rapidjson/memorystream.h>

#include <utility>

namespace tiercel::top {
namespace {

void take(SampleRow& row, const std::string& prefix, const rapidjson::Value& object) {
  for (const auto& member : object.GetObject()) {
    const std::string name = prefix + member.name.GetString();
    if (member.value.IsUint64())
      row.numbers[name] = member.value.GetUint64();
    else if (member.value.IsBool())
      row.numbers[name] = member.value.GetBool() ? 1 : 0;
    else if (member.value.IsString())
      row.texts[name] = member.value.GetString();
    else if (member.value.IsObject())
      take(row, name + ".", member.value);
  }
}

std::vector<SampleRow> rows_of(const rapidjson::Value& document, const char* member,
                               const std::vector<std::string>& key) {
  std::vector<SampleRow> out;
  const auto found = document.FindMember(member);
  if (found == document.MemberEnd() || !found->value.IsArray()) return out;
  for (const rapidjson::Value& object : found->value.GetArray()) {
    if (!object.IsObject()) continue;
    SampleRow& row = out.emplace_back();
    take(row, "", object);
    for (const std::string& name : key)
      row.key += (row.key.empty() ? "" : ":") +
                 (row.numbers.contains(name) ? std::to_string(row.number(name)) : row.text(name));
  }
  return out;
}

}  // namespace

Result<Sample> parse_sample(const std::string& json) {
  rapidjson::Document document;
  rapidjson::MemoryStream stream(json.data(), json.size());
  document.ParseStream<rapidjson::kParseIterativeFlag>(stream);
  if (document.HasParseError() || !document.IsObject() || !document.HasMember("taken_ns") ||
      !document.HasMember("status") || !document["status"].IsObject())
    return fail("the agent's answer is not what was asked for: is it of the same version?", Fault::kBug);
  Sample sample;
  take(sample.all, "", document);
  sample.rules = rows_of(document, "rules", {"rule"});
  sample.processes = rows_of(document, "processes", {"pid", "start"});
  sample.containers = rows_of(document, "containers", {"id"});
  sample.types = rows_of(document, "types", {"event"});
  sample.rings = rows_of(document, "rings", {"ring"});
  sample.outputs = rows_of(document["status"], "outputs", {"name"});
  if (const auto found = document["status"].FindMember("troubles"); found != document["status"].MemberEnd())
    if (found->value.IsArray())
      for (const rapidjson::Value& trouble : found->value.GetArray())
        if (trouble.IsString()) sample.troubles.emplace_back(trouble.GetString());
  if (const auto lost = document["status"].FindMember("lost"); lost != document["status"].MemberEnd())
    if (lost->value.IsObject())
      for (const SampleRow& row : rows_of(lost->value, "by_cgroup", {"event"}))
        sample.losses.numbers[row.key] += row.number("lost");
  return sample;
}

}  // namespace tiercel::top
