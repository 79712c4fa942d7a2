// Whether the running agent's hooks tell of its own harmless calls (agent/canary.h), by its own word.
#include <fmt/core.h>
#include <rapidjson/document.h>

#include "agent/doctor/doctor.h"

namespace tiercel::doctor {

std::vector<Fact> hook_facts_of(const std::string& status) {
  constexpr const char* kWhat = "agent's hooks";
  rapidjson::Document document;
  document.Parse(status.data(), status.size());
  if (!document.IsObject() || !document.HasMember("canaries") || !document["canaries"].IsObject()) return {};
  const auto& said = document["canaries"];
  for (const char* key : {"heard", "silent"})
    if (!said.HasMember(key) || !said[key].IsUint64()) return {};
  if (!said.HasMember("deaf") || !said["deaf"].IsArray()) return {};
  std::string deaf;
  for (const auto& hook : said["deaf"].GetArray())
    if (hook.IsString()) deaf += (deaf.empty() ? "" : ", ") + std::string(hook.GetString(), hook.GetStringLength());
  const uint64_t heard = said["heard"].GetUint64(), silent = said["silent"].GetUint64();
  if (!deaf.empty())
    return {{State::kMissing, kWhat, "deaf: " + deaf, "what happens there is not seen; somebody detached them",
             "restart the agent, and find out who did it"}};
  if (heard + silent == 0) return {};
  return {{State::kGood, kWhat,
           fmt::format("{} told of the agent's own calls{}", heard,
                       silent > 0 ? fmt::format("; {} never did, which proves nothing", silent) : ""),
           "", ""}};
}

}  // namespace tiercel::doctor
