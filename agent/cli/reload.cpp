// tiercel rules reload
#include <fmt/core.h>
#include <rapidjson/document.h>
#include <rapidjson/memorystream.h>

#include <chrono>
#include <cstdio>
#include <string>
#include <thread>

#include "agent/cli/commands.h"
#include "agent/control/control_client.h"

namespace tiercel::cli {
namespace {

constexpr auto kAskEvery = std::chrono::milliseconds(20);
constexpr auto kPatience = std::chrono::minutes(5);  // longer than any set takes; the agent goes on by itself

bool parse(const std::string& text, rapidjson::Document& out) {
  rapidjson::MemoryStream stream(text.data(), text.size());
  out.ParseStream<rapidjson::kParseIterativeFlag>(stream);
  return !out.HasParseError() && out.IsObject();
}

std::string text_of(const rapidjson::Value& object, const char* key) {
  auto member = object.FindMember(key);
  return member != object.MemberEnd() && member->value.IsString() ? member->value.GetString() : "";
}

uint64_t number_of(const rapidjson::Value& object, const char* key) {
  auto member = object.FindMember(key);
  return member != object.MemberEnd() && member->value.IsUint64() ? member->value.GetUint64() : 0;
}

// Asks for a reload and again for what became of it: the agent answers others meanwhile.
Result<std::string> reload(const std::string& socket, rapidjson::Document& outcome) {
  auto reply = control::call(socket, "rules_reload");
  if (!reply) return reply;
  rapidjson::Document asked;
  if (!parse(*reply, asked)) return fail("the agent's reply is not JSON: is it of another version?", Fault::kBug);
  const std::string ticket = std::to_string(number_of(asked, "ticket"));
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < until) {
    reply = control::call(socket, "rules_outcome", {{"ticket", ticket}});
    if (!reply) return reply;
    if (!parse(*reply, outcome)) return fail("the agent's reply is not JSON", Fault::kBug);
    if (text_of(outcome, "result") != "waiting") return reply;
    std::this_thread::sleep_for(kAskEvery);
  }
  return fail("the agent has not finished the reload: see `tiercel status` and its log");
}

std::string rules_of(const rapidjson::Document& outcome) {
  auto rules = outcome.FindMember("rules");
  if (rules == outcome.MemberEnd() || !rules->value.IsObject()) return "?";
  return fmt::format("{} of {} rules active, digest {}", number_of(rules->value, "active"),
                     number_of(rules->value, "total"), text_of(rules->value, "digest"));
}

void print_findings(const rapidjson::Document& outcome) {
  auto findings = outcome.FindMember("diagnostics");
  if (findings == outcome.MemberEnd() || !findings->value.IsArray()) return;
  for (const auto& finding : findings->value.GetArray())
    if (finding.IsObject()) std::fputs(text_of(finding, "text").c_str(), stderr);
}

void print_keys_for_restart(const rapidjson::Document& outcome) {
  auto keys = outcome.FindMember("needs_restart");
  if (keys == outcome.MemberEnd() || !keys->value.IsArray() || keys->value.Empty()) return;
  std::string names;
  for (const auto& key : keys->value.GetArray())
    if (key.IsString()) names += (names.empty() ? "" : ", ") + std::string(key.GetString());
  fmt::print("These keys of the configuration changed and need a restart: {}\n", names);
}

}  // namespace

int rules_reload(const std::string& run_dir, bool json) {
  rapidjson::Document outcome;
  auto reply = reload(run_dir + "/tiercel.sock", outcome);
  if (!reply) return report(reply.error());
  const bool accepted = text_of(outcome, "result") == "accepted";
  const int status = accepted ? 0 : static_cast<int>(Fault::kUser);
  if (json) {
    std::printf("%s\n", reply->c_str());
    return status;
  }
  print_findings(outcome);
  if (accepted)
    fmt::print("Reloaded: {}, {} warnings; read in {} ms\n", rules_of(outcome), number_of(outcome, "warnings"),
               number_of(outcome, "load_us") / 1'000);
  else
    fmt::print("Refused: {}\nThe rules that run stay: {}\n", text_of(outcome, "reason"), rules_of(outcome));
  print_keys_for_restart(outcome);
  return status;
}

}  // namespace tiercel::cli
