// What the running agent has given up (docs/hardening.md), by its own word, which is the kernel's of it; without one,
// what this host would let it give up.
#include "agent/hardening/hardening.h"

#include <fmt/core.h>
#include <rapidjson/document.h>

#include <algorithm>

#include "agent/base/fd.h"
#include "agent/doctor/doctor.h"

namespace tiercel::doctor {
namespace {

constexpr size_t kPseudoFileMax = 4'096;
constexpr std::string_view kSwitchedOn = ", and restart the agent";
// Where a capability is kept besides (agent/hardening/capabilities.cpp): the place in the line of threads, and a
// container that may read all files and write none.
constexpr std::string_view kAlsoKept[] = {"sys_nice", "dac_read_search"};

using Names = std::vector<std::string>;

bool has(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Why something that was to be given up is still there.
std::string way_out_of(std::string_view key, bool wanted) {
  if (!wanted) return fmt::format("hardening.{}: true in tiercel.yaml{}", key, kSwitchedOn);
  return "look for `hardening:` in the agent's log: its kernel, or the container that it runs in, refused";
}

Fact calls_fact(bool filtered, bool no_new_privs, bool wanted) {
  constexpr const char* kWhat = "agent's system calls";
  const std::string detail = fmt::format("{}, {}", filtered ? "filtered" : "not filtered",
                                         no_new_privs ? "no new privileges" : "new privileges possible");
  if (filtered && no_new_privs) return {State::kGood, kWhat, detail, "", ""};
  return {State::kNote, kWhat, detail,
          filtered ? "a program that it started could have more rights than it has"
                   : "who takes the agent over can start programs, load modules and mount",
          way_out_of("seccomp", wanted)};
}

std::vector<Fact> capability_facts(const Names& names, bool wanted) {
  constexpr const char* kWhat = "agent's capabilities";
  std::string lacks, means, besides;
  Names needed(std::begin(kAlsoKept), std::end(kAlsoKept));
  for (const hardening::Kept& kept : hardening::kept_capabilities()) {
    const std::string& name = needed.emplace_back(hardening::capability_name(static_cast<unsigned>(kept.capability)));
    if (has(names, name)) continue;
    lacks += (lacks.empty() ? "" : ", ") + name;
    means += (means.empty() ? "" : "; ") + fmt::format("{}: {}", name, kept.what_for);
  }
  for (const std::string& name : names)
    if (!has(needed, name)) besides += (besides.empty() ? "" : ", ") + name;
  std::vector<Fact> facts;
  if (!lacks.empty())
    facts.push_back({State::kNote, kWhat, "lacks " + lacks, "what it cannot do without is: " + means,
                     "nothing, if that was taken away on purpose; else CapabilityBoundingSet= of the unit, or the "
                     "container's securityContext"});
  if (!besides.empty())
    facts.push_back({State::kNote, kWhat, "keeps besides what it needs: " + besides,
                     "who takes the agent over has these, too", way_out_of("capabilities", wanted)});
  if (facts.empty()) facts.push_back({State::kGood, kWhat, "what its work needs, and no more", "", ""});
  return facts;
}

Fact memory_fact(bool dumpable, bool wanted) {
  constexpr const char* kWhat = "agent's memory";
  if (!dumpable) return {State::kGood, kWhat, "no core dumps", "", ""};
  return {State::kNote, kWhat, "core dumps are possible", "after a crash, keys and tokens lie where cores are kept",
          way_out_of("seccomp", wanted)};
}

}  // namespace

std::vector<Fact> hardening_facts_of(const std::string& status, const config::Hardening& wanted) {
  rapidjson::Document document;
  document.Parse(status.data(), status.size());
  const auto absent = [] {
    return std::vector<Fact>{{State::kNote, "agent's hardening", "the agent does not say what it has given up",
                              "it is of another version than this program", "restart it: `systemctl restart tiercel`"}};
  };
  if (!document.IsObject() || !document.HasMember("hardening") || !document["hardening"].IsObject()) return absent();
  const auto& said = document["hardening"];
  for (const char* key : {"seccomp", "no_new_privs", "dumpable"})
    if (!said.HasMember(key) || !said[key].IsBool()) return absent();
  if (!said.HasMember("capabilities") || !said["capabilities"].IsArray()) return absent();
  Names names;
  for (const auto& name : said["capabilities"].GetArray())
    if (name.IsString()) names.emplace_back(name.GetString(), name.GetStringLength());
  std::vector<Fact> facts{calls_fact(said["seccomp"].GetBool(), said["no_new_privs"].GetBool(), wanted.seccomp)};
  for (Fact& fact : capability_facts(names, wanted.capabilities)) facts.push_back(std::move(fact));
  facts.push_back(memory_fact(said["dumpable"].GetBool(), wanted.seccomp || wanted.capabilities));
  return facts;
}

Fact hardening_fact_of_host(const Options& options) {
  constexpr const char* kWhat = "agent's hardening";
  const config::Hardening& wanted = options.config.hardening;
  if (!wanted.seccomp && !wanted.capabilities)
    return {State::kNote, kWhat, "switched off by hardening: in tiercel.yaml",
            "a mistake in the agent would be worth all of root's rights", way_out_of("seccomp", false)};
  const auto actions = read_pseudo_file(options.root + "/proc/sys/kernel/seccomp/actions_avail", kPseudoFileMax);
  const bool filters = actions && actions->find("errno") != std::string::npos;
  if (wanted.seccomp && !filters)
    return {State::kNote, kWhat, "this kernel does not filter system calls", "the agent runs on without the filter",
            "a kernel with CONFIG_SECCOMP_FILTER; or hardening.seccomp: false, where that is known"};
  return {State::kGood, kWhat, "possible here; asked of the agent when it runs", "", ""};
}

}  // namespace tiercel::doctor
