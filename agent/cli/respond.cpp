// tiercel respond list | undo | rules
#include <fmt/chrono.h>
#include <fmt/core.h>
#include <rapidjson/document.h>
#include <rapidjson/memorystream.h>

#include <chrono>
#include <cstdio>
#include <ctime>
#include <string>
#include <thread>

#include "agent/cli/commands.h"
#include "agent/control/control_client.h"

namespace tiercel::cli {
namespace {

constexpr auto kAskEvery = std::chrono::milliseconds(20);
constexpr auto kPatience = std::chrono::seconds(60);  // an undo may wait for nft

Result<rapidjson::Document> ask(const std::string& run_dir, const std::string& command, std::string& text,
                                const std::map<std::string, std::string>& arguments = {}) {
  auto reply = control::call(run_dir + "/tiercel.sock", command, arguments);
  if (!reply) return tl::unexpected(reply.error());
  text = *reply;
  rapidjson::Document document;
  rapidjson::MemoryStream stream(text.data(), text.size());
  document.ParseStream<rapidjson::kParseIterativeFlag>(stream);
  if (document.HasParseError() || !document.IsObject())
    return fail("the agent's reply is not JSON: is it of another version?", Fault::kBug);
  return document;
}

std::string text_of(const rapidjson::Value& object, const char* key) {
  const auto found = object.FindMember(key);
  return found != object.MemberEnd() && found->value.IsString() ? found->value.GetString() : "";
}

uint64_t number_of(const rapidjson::Value& object, const char* key) {
  const auto found = object.FindMember(key);
  return found != object.MemberEnd() && found->value.IsUint64() ? found->value.GetUint64() : 0;
}

bool is_true(const rapidjson::Value& object, const char* key) {
  const auto found = object.FindMember(key);
  return found != object.MemberEnd() && found->value.IsTrue();
}

template <class Print>
size_t each(const rapidjson::Value& object, const char* key, Print&& print) {
  const auto found = object.FindMember(key);
  if (found == object.MemberEnd() || !found->value.IsArray()) return 0;
  for (const auto& item : found->value.GetArray())
    if (item.IsObject()) print(item);
  return found->value.Size();
}

void print_list(const rapidjson::Document& list) {
  if (is_true(list, "dry_run")) fmt::print("Dry run: every response only tells (response.dry_run of tiercel.yaml)\n");
  fmt::print("In effect, each undone by `tiercel respond undo ID`:\n");
  const size_t standing = each(list, "in_effect", [](const rapidjson::Value& one) {
    const bool timed = one.HasMember("undone_in_s");
    fmt::print("  {}  {} {}, by {}{}\n", text_of(one, "id"), text_of(one, "action"), text_of(one, "target"),
               text_of(one, "response"), timed ? fmt::format(", for {} s more", number_of(one, "undone_in_s")) : "");
  });
  if (standing == 0) fmt::print("  nothing\n");
  fmt::print("Waiting: {}\nLately, newest first:\n", number_of(list, "waiting"));
  const size_t lately = each(list, "recent", [](const rapidjson::Value& one) {
    fmt::print("  {:%F %T}  {} {} {}: {}{}{}\n", fmt::localtime(static_cast<time_t>(number_of(one, "time_s"))),
               text_of(one, "response"), text_of(one, "action"), text_of(one, "target"), text_of(one, "result"),
               text_of(one, "reason").empty() ? "" : ": ", text_of(one, "reason"));
  });
  if (lately == 0) fmt::print("  nothing\n");
  fmt::print("Done within the last minute, of {} that all may do:\n", number_of(list, "budget_per_min"));
  const auto spent = list.FindMember("spent");
  if (spent == list.MemberEnd() || !spent->value.IsObject()) return;
  for (const auto& one : spent->value.GetObject())
    if (one.value.IsUint64()) fmt::print("  {}  {}\n", one.value.GetUint64(), one.name.GetString());
}

void print_rules(const rapidjson::Document& rules) {
  if (!is_true(rules, "on")) fmt::print("Responses are off: response.enabled of tiercel.yaml\n");
  const size_t count = each(rules, "responses", [](const rapidjson::Value& one) {
    fmt::print("{}{}\n  {}, {} a minute at most\n  when {}\n", text_of(one, "rule"),
               !is_true(one, "enabled")  ? " (off)"
               : is_true(one, "dry_run") ? " (dry run)"
                                         : "",
               text_of(one, "action"), number_of(one, "budget_per_min"), text_of(one, "condition"));
    const std::string kernel = text_of(one, "kernel"), why = text_of(one, "why");
    if (!kernel.empty()) fmt::print("  decided in the kernel: {}{}{}\n", kernel, why.empty() ? "" : ": ", why);
  });
  if (count == 0) fmt::print("No response rule is loaded: docs/response-rules.md has the language\n");
}

}  // namespace

int respond_list(const std::string& run_dir, bool json) {
  std::string text;
  auto list = ask(run_dir, "respond_list", text);
  if (!list) return report(list.error());
  json ? fmt::print("{}\n", text) : print_list(*list);
  return 0;
}

int respond_rules(const std::string& run_dir, bool json) {
  std::string text;
  auto rules = ask(run_dir, "respond_rules", text);
  if (!rules) return report(rules.error());
  json ? fmt::print("{}\n", text) : print_rules(*rules);
  return 0;
}

int respond_undo(const std::string& run_dir, const std::string& id, bool json) {
  std::string text;
  auto reply = ask(run_dir, "respond_undo", text, {{"id", id}});
  if (!reply) return report(reply.error());
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (text_of(*reply, "result") == "waiting") {
    if (id == "all") break;  // each has its receipt, and its line in the list
    if (std::chrono::steady_clock::now() >= until)
      return report({"it is not undone yet: see `tiercel respond list`", Fault::kHost});
    std::this_thread::sleep_for(kAskEvery);
    reply = ask(run_dir, "respond_outcome", text, {{"id", id}});
    if (!reply) return report(reply.error());
  }
  const std::string result = text_of(*reply, "result"), reason = text_of(*reply, "reason");
  if (json)
    fmt::print("{}\n", text);
  else
    fmt::print("{}{}{}\n", result == "waiting" ? "asked for: see `tiercel respond list`" : result,
               reason.empty() ? "" : ": ", reason);
  return result == "undone" || result == "waiting" ? 0 : static_cast<int>(Fault::kUser);
}

}  // namespace tiercel::cli
