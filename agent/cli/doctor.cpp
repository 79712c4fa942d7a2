// tiercel doctor
#include "agent/doctor/doctor.h"

#include <fmt/core.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <unistd.h>

#include <cstdio>
#include <utility>

#include "agent/cli/commands.h"
#include "agent/cli/text.h"
#include "agent/config/load.h"

namespace tiercel::cli {
namespace {

using doctor::Fact;
using doctor::State;

constexpr const char* kDefaultConfig = "/etc/tiercel/tiercel.yaml";
constexpr size_t kIndent = 29;  // state and name
constexpr size_t kNameWidth = 21;

const char* word_of(State state) {
  return state == State::kGood ? "ok" : state == State::kNote ? "note" : "MISSING";
}

void print_row(const Fact& fact, const Tints& tints, size_t width) {
  const char* tint = fact.state == State::kGood   ? tints.green()
                     : fact.state == State::kNote ? tints.yellow()
                                                  : tints.red();
  fmt::print("{}{:<8}{}{:<{}}{}\n", tint, word_of(fact.state), tints.off(), fact.what, kNameWidth,
             wrapped(fact.detail, kIndent, width));
  const std::string blanks(kIndent, ' ');
  if (!fact.means.empty()) fmt::print("{}{}\n", blanks, wrapped(fact.means, kIndent, width));
  if (!fact.way_out.empty()) fmt::print("{}-> {}\n", blanks, wrapped(fact.way_out, kIndent + 3, width));
}

// Of evasions, only those that are open.
void print_rows(const std::vector<Fact>& facts, const Tints& tints, size_t width) {
  bool headed = false;
  for (const Fact& fact : facts) {
    if (fact.evasion != 0 && fact.state == State::kGood) continue;
    if (fact.evasion != 0 && !std::exchange(headed, true))
      fmt::print(
          "\nknown evasions that are open here (--json has all, docs/reference/evasions.md says what closes them):\n");
    print_row(fact, tints, width);
  }
}

// What a person looks for, where the screen ends.
void print_sum(const std::vector<Fact>& facts, const Tints& tints, size_t width) {
  std::string missing, notes;
  for (const Fact& fact : facts) {
    if (fact.state == State::kGood || fact.evasion != 0) continue;
    std::string& names = fact.state == State::kMissing ? missing : notes;
    if (names.find(fact.what) == std::string::npos) names.append(names.empty() ? "" : ", ").append(fact.what);
  }
  fmt::print("\n");
  if (!notes.empty()) fmt::print("notes: {}\n", wrapped(notes, 7, width));
  if (missing.empty())
    fmt::print("{}nothing is missing{}\n", tints.green(), tints.off());
  else
    fmt::print("{}MISSING: {}{}\n", tints.red(), wrapped(missing, 9, width), tints.off());
}

void put(rapidjson::Writer<rapidjson::StringBuffer>& out, const char* key, std::string_view value) {
  out.Key(key);
  out.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
}

void put_evasion(rapidjson::Writer<rapidjson::StringBuffer>& out, const Fact& fact) {
  out.Key("evasion");
  out.Int(fact.evasion);
  for (const auto& [key, names] : {std::pair("open", &fact.open), std::pair("closed", &fact.closed)}) {
    out.Key(key);
    out.StartArray();
    for (const std::string& name : *names) out.String(name.data(), static_cast<rapidjson::SizeType>(name.size()));
    out.EndArray();
  }
}

void print_json(const std::vector<Fact>& facts) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> out(buffer);
  out.StartArray();
  for (const Fact& fact : facts) {
    out.StartObject();
    put(out, "state", word_of(fact.state));
    put(out, "what", fact.what);
    put(out, "detail", fact.detail);
    put(out, "means", fact.means);
    put(out, "way_out", fact.way_out);
    if (fact.evasion != 0) put_evasion(out, fact);
    out.EndObject();
  }
  out.EndArray();
  std::printf("%s\n", buffer.GetString());
}

}  // namespace

int doctor(const RunArgs& args, bool json) {
  doctor::Options options;
  const std::string path = args.config_file.empty() ? kDefaultConfig : args.config_file;
  Diagnostics diagnostics;
  if (!args.config_file.empty() || ::access(path.c_str(), F_OK) == 0) {
    auto config = config::load(path, diagnostics);
    std::fputs(diagnostics.render_all(colour_wanted(STDERR_FILENO)).c_str(), stderr);
    if (!config) return report({path + " has mistakes: see above", Fault::kUser});
    options.config = std::move(*config);
  }
  if (!args.run_dir.empty()) options.config.run_dir = args.run_dir;
  if (!args.state_dir.empty()) options.config.state_dir = args.state_dir;
  if (!args.attach.empty() && !config::set_attach(args.attach, options.config.sensor))
    return report({"--attach takes auto, trampoline, kprobe or tracepoint, not '" + args.attach + "'", Fault::kUser});
  options.root = args.host_root.empty() ? options.config.host_root : args.host_root;

  const std::vector<Fact> facts = doctor::examine(options);
  bool missing = false;
  for (const Fact& fact : facts) missing |= fact.state == State::kMissing;
  if (json) {
    print_json(facts);
  } else {
    const Tints tints(colour_wanted(STDOUT_FILENO));
    const size_t width = terminal_width();
    print_rows(facts, tints, width);
    print_sum(facts, tints, width);
  }
  return missing ? static_cast<int>(Fault::kHost) : 0;
}

}  // namespace tiercel::cli
