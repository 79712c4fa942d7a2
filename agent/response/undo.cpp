// What undoes a deed, as text and as a deed; and the two deeds that need little more: block and exec.
#include <fmt/core.h>
#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <unistd.h>

#include <csignal>

#include "agent/response/child.h"
#include "agent/response/deeds.h"
#include "agent/response/executable.h"
#include "agent/response/firewall.h"
#include "agent/response/freeze.h"

namespace tiercel::response {
namespace {

constexpr const char* kActs[] = {"kill", "signal", "suspend", "isolate", "block", "quarantine", "exec"};
constexpr const char* kReaches[] = {"process", "tree", "container"};

std::string text_at(const rapidjson::Value& object, const char* key) {
  const auto found = object.FindMember(key);
  if (found == object.MemberEnd() || !found->value.IsString()) return {};
  return {found->value.GetString(), found->value.GetStringLength()};
}

Deed thaw(const Undo& undo, const DeedContext& context) {
  size_t went_on = 0;
  std::string trouble;
  for (const std::string& file : undo.freezers) {
    if (::access(file.c_str(), F_OK) != 0) continue;  // the container is gone
    auto set = set_frozen(file, false);
    went_on += set ? 1 : 0;
    if (!set) trouble = set.error().message;
  }
  for (const auto& [pid, start_ns] : undo.processes) {
    Deed deed;
    const auto held = hold_process(
        pid, start_ns, context.start_time_of, [](int32_t) { return std::string(); }, deed);
    if (held && send_signal(held->pidfd, SIGCONT)) ++went_on;
    if (deed.result == "failed") trouble = deed.reason;
  }
  if (!trouble.empty()) return failed(trouble);
  return done(went_on == 0 ? "what was suspended is gone" : "it goes on");
}

}  // namespace

const char* text_of(Act act) {
  return kActs[static_cast<size_t>(act)];
}

const char* text_of(Reach reach) {
  return kReaches[static_cast<size_t>(reach)];
}

std::string undo_text(const Undo& undo) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  auto text = [&writer](const char* key, const std::string& value) {
    writer.Key(key);
    writer.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
  };
  writer.StartObject();
  text("act", text_of(undo.act));
  text("address", undo.address);
  text("folder", undo.folder);
  writer.Key("net_ns");
  writer.Uint64(undo.net_ns);
  writer.Key("freezers");
  writer.StartArray();
  for (const std::string& file : undo.freezers)
    writer.String(file.data(), static_cast<rapidjson::SizeType>(file.size()));
  writer.EndArray();
  writer.Key("processes");
  writer.StartArray();
  for (const auto& [pid, start_ns] : undo.processes) {
    writer.StartArray();
    writer.Int(pid);
    writer.Uint64(start_ns);
    writer.EndArray();
  }
  writer.EndArray();
  writer.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

Result<Undo> parse_undo(std::string_view json) {
  rapidjson::Document document;
  document.Parse<rapidjson::kParseIterativeFlag>(json.data(), json.size());
  if (document.HasParseError() || !document.IsObject()) return fail("what undoes it cannot be read");
  Undo undo;
  const std::string act = text_at(document, "act");
  bool known = false;
  for (size_t i = 0; i < std::size(kActs); ++i)
    if (act == kActs[i]) {
      undo.act = static_cast<Act>(i);
      known = true;
    }
  if (!known) return fail("what undoes it names no action");
  undo.address = text_at(document, "address");
  undo.folder = text_at(document, "folder");
  if (const auto found = document.FindMember("net_ns"); found != document.MemberEnd() && found->value.IsUint64())
    undo.net_ns = found->value.GetUint64();
  if (const auto found = document.FindMember("freezers"); found != document.MemberEnd() && found->value.IsArray())
    for (const auto& file : found->value.GetArray())
      if (file.IsString()) undo.freezers.emplace_back(file.GetString(), file.GetStringLength());
  if (const auto found = document.FindMember("processes"); found != document.MemberEnd() && found->value.IsArray())
    for (const auto& one : found->value.GetArray())
      if (one.IsArray() && one.Size() == 2 && one[0].IsInt() && one[1].IsUint64())
        undo.processes.emplace_back(one[0].GetInt(), one[1].GetUint64());
  return undo;
}

Deed undo(const Undo& undo, const DeedContext& context) {
  switch (undo.act) {
    case Act::kBlock:
      return unblock_address(undo.address);
    case Act::kSuspend:
      return thaw(undo, context);
    case Act::kIsolate:
      return undo_isolate(undo);
    case Act::kQuarantine:
      return undo_quarantine(undo, context);
    case Act::kKill:
    case Act::kSignal:
    case Act::kExec:
      break;
  }
  return refused("it cannot be undone");
}

Deed block(const Order& order, const DeedContext& context) {
  const auto address = plain_address(order.address);
  if (!address) return refused("the event has no address to block");
  if (const std::string why = why_reachable(*address, context.managers); !why.empty())
    return refused(fmt::format("{} is not blocked: {}", *address, why));
  if (!context.go()) return done("would block " + *address);
  Undo undo;
  undo.act = Act::kBlock;
  undo.address = *address;
  if (auto kept = context.keep(undo); !kept) return failed(kept.error().message);
  Deed deed = block_address(*address);
  if (deed.result == "done") context.acted();
  return deed;
}

Deed run_program(const Order& order, const DeedContext& context) {
  if (order.program.empty()) return refused("no program is named");
  const std::string& file = order.program.front();
  if (!file.starts_with('/')) return refused(file + " is no absolute path");
  if (auto safe = check_executable(file); !safe) return refused(safe.error().message);
  if (!context.go()) return done("would run " + file);
  Launch launch;
  launch.file = file;
  launch.argv = order.program;
  launch.environment = plain_environment();
  launch.folder = "/";
  launch.error_file = context.log;
  auto child = Child::start(launch);
  if (!child) return failed(child.error().message);
  context.acted();
  Talk talk;
  talk.message = order.alert->event_json;
  talk.close_input = true;
  talk.time_limit_ms = static_cast<int>(order.timeout_ms);
  talk.stop_fd = context.stop_fd;
  talk.stop_deadline_ns = context.stop_deadline_ns;
  const Talked talked = converse(*child, talk);
  if (talked.end == Talked::End::kTimeLimit)
    return {"timeout", fmt::format("{} ran for {} ms and was killed with its process group", file, order.timeout_ms)};
  if (talked.end == Talked::End::kLeft) return failed("the agent stopped while it ran, and left it running");
  if (!talked.result.empty()) return {talked.result, talked.reason};
  if (talked.exit_status != 0) return failed(fmt::format("{} ended with status {}", file, talked.exit_status));
  return done("ran " + file);
}

}  // namespace tiercel::response
