// tiercel status
#include "agent/cli/status.h"

#include <fmt/core.h>
#include <rapidjson/document.h>
#include <rapidjson/memorystream.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <initializer_list>
#include <utility>
#include <vector>

#include "agent/cli/commands.h"
#include "agent/cli/text.h"
#include "agent/control/control_client.h"
#include "agent/top/numbers.h"

namespace tiercel::cli {
namespace {

using top::bytes;
using top::duration;
using top::grouped;

// The status reply, looked into without surprises: what is not there is 0, empty or false.
class Reply {
 public:
  explicit Reply(const std::string& json) {
    rapidjson::MemoryStream stream(json.data(), json.size());
    document_.ParseStream<rapidjson::kParseIterativeFlag>(stream);
  }
  // NOLINTNEXTLINE(clang-analyzer-cplusplus.NewDeleteLeaks): the document owns its allocator
  explicit Reply(const rapidjson::Value& value) { document_.CopyFrom(value, document_.GetAllocator()); }
  [[nodiscard]] bool valid() const { return !document_.HasParseError() && document_.IsObject(); }
  [[nodiscard]] const rapidjson::Value* find(std::initializer_list<const char*> path) const {
    const rapidjson::Value* at = &document_;
    for (const char* key : path) {
      if (!at->IsObject()) return nullptr;
      auto member = at->FindMember(key);
      if (member == at->MemberEnd()) return nullptr;
      at = &member->value;
    }
    return at;
  }
  [[nodiscard]] uint64_t number(std::initializer_list<const char*> path) const {
    const rapidjson::Value* at = find(path);
    return at && at->IsUint64() ? at->GetUint64() : 0;
  }
  [[nodiscard]] std::string count(std::initializer_list<const char*> path) const { return grouped(number(path)); }
  [[nodiscard]] std::string text(std::initializer_list<const char*> path) const {
    const rapidjson::Value* at = find(path);
    return at && at->IsString() ? at->GetString() : "";
  }
  [[nodiscard]] bool flag(std::initializer_list<const char*> path) const {
    const rapidjson::Value* at = find(path);
    return at && at->IsBool() && at->GetBool();
  }
  [[nodiscard]] std::vector<std::string> texts(std::initializer_list<const char*> path) const {
    std::vector<std::string> out;
    const rapidjson::Value* at = find(path);
    if (at && at->IsArray())
      for (const auto& item : at->GetArray())
        if (item.IsString()) out.emplace_back(item.GetString());
    return out;
  }

 private:
  rapidjson::Document document_;
};

std::string joined(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) out += (out.empty() ? "" : ", ") + text;
  return out;
}

// What a server sent, or a rule's author wrote, goes to somebody's terminal.
std::string without_controls(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < ' ' || c == 0x7f; }, ' ');
  return text;
}

// One labelled paragraph after the other.
class Page {
 public:
  Page(bool colour, size_t width) : tints_(colour), width_(width) {}
  void line(const char* label, const std::string& text, bool alarm = false) {
    out_ += fmt::format("  {}{:<11}{}{}{}{}\n", tints_.bold(), label, tints_.off(), alarm ? tints_.red() : "",
                        wrapped(without_controls(text), kIndent, width_), alarm ? tints_.off() : "");
  }
  void head(const std::string& who, const std::string& verdict, bool good) {
    out_ +=
        fmt::format("{}{}: {}{}{}\n", tints_.bold(), who, good ? tints_.green() : tints_.red(), verdict, tints_.off());
  }
  [[nodiscard]] const std::string& text() const { return out_; }

 private:
  static constexpr size_t kIndent = 13;
  Tints tints_;
  size_t width_;
  std::string out_;
};

void add_rules(Page& page, const Reply& s) {
  std::string text =
      fmt::format("{} of {} active, loaded {}Z, digest {}", s.count({"rules", "active"}), s.count({"rules", "total"}),
                  s.text({"rules", "loaded_at"}).substr(0, 19), s.text({"rules", "digest"}));
  const uint64_t ok = s.number({"rules", "reloads", "ok"}), refused = s.number({"rules", "reloads", "refused"});
  if (ok + refused > 0) text += fmt::format("; {} reloads, {} refused", grouped(ok), grouped(refused));
  page.line("rules", text);
  if (const std::string keys = joined(s.texts({"rules", "needs_restart"})); !keys.empty())
    page.line("restart", "needed for changed keys: " + keys);
}

void add_group(Page& page, const Reply& s) {
  if (s.find({"group_configuration"}) == nullptr) return;
  const std::string md5 = s.text({"group_configuration", "md5"});
  const std::string names = joined(s.texts({"group_configuration", "files"}));
  std::string text = md5.empty() ? "nothing from the manager yet"
                                 : fmt::format("{} ({}), {}", names.empty() ? "no files for Tiercel" : names,
                                               s.text({"group_configuration", "group"}), md5);
  if (!s.flag({"group_configuration", "enabled"})) text += "; not applied: group_configuration is off";
  page.line("group", text);
}

// How long the last one took, as far as that is known.
std::string canary_road(const Reply& s) {
  std::string road;
  if (const uint64_t us = s.number({"canaries", "latency_us"}); us > 0)
    road = fmt::format(", {:.1f} ms to a rule's match", static_cast<double>(us) / 1e3);
  if (const uint64_t ms = s.number({"canaries", "manager_ms"}); ms > 0)
    road += fmt::format(", an alert {:.1f} s to the manager's answer", static_cast<double>(ms) / 1e3);
  return road;
}

void add_outputs(Page& page, const Reply& s) {
  const rapidjson::Value* outputs = s.find({"outputs"});
  if (outputs == nullptr || !outputs->IsArray()) return;
  for (const rapidjson::Value& output : outputs->GetArray()) {
    const Reply row(output);
    std::string text = fmt::format("{}: {} delivered, {} waiting", row.text({"name"}), row.count({"delivered"}),
                                   row.count({"waiting"}));
    if (row.number({"failures"}) > 0) text += fmt::format(", {} failures", row.count({"failures"}));
    if (row.number({"lost"}) > 0) text += fmt::format(", {} lost", row.count({"lost"}));
    if (const std::string answer = row.text({"last_answer"}); !answer.empty()) text += "; " + answer;
    page.line("output", text, row.flag({"breaker_open"}) || row.number({"lost"}) > 0);
  }
}

void add_counts(Page& page, const Reply& s) {
  page.line("events", s.count({"events"}));
  page.line("alerts", s.count({"alerts"}));
  const uint64_t lost = s.number({"lost", "total"});
  std::string text = "nothing";
  if (lost > 0) {
    text = fmt::format("{} since the start, {} of them in the last {}: ", grouped(lost), s.count({"lost", "recently"}),
                       duration(s.number({"lost", "recently_s"})));
    std::vector<std::string> places;
    for (const auto& [key, place] : {std::pair("kernel", "in the kernel"), std::pair("malformed_records", "malformed"),
                                     std::pair("spool", "in the spool"), std::pair("outputs", "at outputs")})
      if (s.number({"lost", key}) > 0) places.push_back(s.count({"lost", key}) + " " + place);
    text += joined(places);
    if (s.number({"lost", "held_back"}) > 0)
      text += fmt::format("; {} of them held back, of cgroups that flood", s.count({"lost", "held_back"}));
  }
  page.line("lost", text, lost > 0);
}

void add_hardening(Page& page, const Reply& s) {
  if (s.find({"hardening"}) == nullptr) return;
  const std::string kept = joined(s.texts({"hardening", "capabilities"}));
  page.line("hardening",
            fmt::format("system calls {}, {}, {}; capabilities: {}",
                        s.flag({"hardening", "seccomp"}) ? "filtered" : "NOT FILTERED",
                        s.flag({"hardening", "no_new_privs"}) ? "no new privileges" : "new privileges possible",
                        s.flag({"hardening", "dumpable"}) ? "core dumps possible" : "no core dumps",
                        kept.empty() ? "none" : kept));
}

}  // namespace

bool status_says_trouble(const std::string& json) {
  return !Reply(json).texts({"troubles"}).empty();
}

std::string status_text(const std::string& json, bool colour, size_t width) {
  const Reply s(json);
  if (!s.valid()) return json + "\n";
  Page page(colour, width);
  const std::vector<std::string> troubles = s.texts({"troubles"});
  page.head(fmt::format("tiercel {}, up {}", s.text({"version"}), duration(s.number({"uptime_s"}))),
            troubles.empty()       ? "all is well"
            : troubles.size() == 1 ? "something is wrong, see below"
                                   : fmt::format("{} things are wrong, see below", troubles.size()),
            troubles.empty());
  add_counts(page, s);
  add_rules(page, s);
  add_group(page, s);
  const bool managed = s.flag({"manager", "configured"}), connected = s.flag({"manager", "connected"});
  page.line("manager",
            !managed ? "none"
                     : fmt::format("{} {} (agent {}), {} sent, {} confirmed", s.text({"manager", "address"}),
                                   connected ? "connected" : "NOT CONNECTED", s.text({"manager", "agent_id"}),
                                   s.count({"manager", "sent"}), s.count({"manager", "confirmed"})),
            managed && !connected);
  page.line("spool", fmt::format("{} waiting, {}{}", s.count({"spool", "waiting"}),
                                 s.flag({"spool", "on_disk"}) ? "on the disk" : "in memory only",
                                 s.flag({"spool", "rescuing"}) ? "; more are being read from a file put aside" : ""));
  add_outputs(page, s);
  if (s.number({"containers", "known"}) > 0) {
    std::string text = s.count({"containers", "known"});
    if (s.number({"containers", "unverified"}) > 0)
      text += fmt::format(", {} without a runtime's record that names them", s.count({"containers", "unverified"}));
    if (s.number({"containers", "incomplete"}) > 0)
      text += fmt::format(", {} not fully known yet", s.count({"containers", "incomplete"}));
    page.line("containers", text);
  }
  page.line("memory", fmt::format("{}, rings {}; {} processes known", bytes(s.number({"memory", "rss_anon_bytes"})),
                                  bytes(s.number({"memory", "ring_bytes"})), s.count({"memory", "processes"})));
  const size_t deaf = s.texts({"canaries", "deaf"}).size();
  if (s.number({"canaries", "heard"}) + deaf > 0)
    page.line("hooks",
              fmt::format("{} told of our own last calls{}{}", s.count({"canaries", "heard"}),
                          deaf > 0 ? fmt::format(", {} DEAF", deaf) : "", canary_road(s)),
              deaf > 0);
  if (!s.text({"attached", "digest"}).empty())
    page.line("attached",
              fmt::format("{} hooks, digest {}", s.count({"attached", "hooks"}), s.text({"attached", "digest"})));
  page.line("witness",
            s.number({"witness_pid"}) > 0 ? fmt::format("runs (pid {})", s.number({"witness_pid"})) : "none");
  add_hardening(page, s);
  for (const std::string& trouble : troubles) page.line("TROUBLE", trouble, true);
  return page.text();
}

int status(const std::string& run_dir, bool json) {
  auto reply = control::call(run_dir + "/tiercel.sock", "status");
  if (!reply) {
    report(reply.error());
    return static_cast<int>(Fault::kHost);
  }
  const std::string text = json ? *reply + "\n" : status_text(*reply, colour_wanted(STDOUT_FILENO), terminal_width());
  std::fputs(text.c_str(), stdout);
  return status_says_trouble(*reply) ? 1 : 0;
}

}  // namespace tiercel::cli
