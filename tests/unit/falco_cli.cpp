// `tiercel falco`: flags, -V, -L, --list and the rest that prints, and what a run is made of. Group M of the
// check-list.
#include <rapidjson/document.h>

#include "agent/cli/falco.h"
#include "agent/rule/fields.h"
#include "falco_support.h"

using namespace tiercel;
using namespace tiercel::falco::test;
using cli::FalcoAnswer;
using cli::FalcoArgs;
using Texts = std::vector<std::string>;

namespace {

FalcoArgs parsed(const Texts& words) {
  auto args = cli::parse_falco_flags(words);
  REQUIRE_MESSAGE(args, (args ? "" : args.error().message));
  return *args;
}

std::string refused(const Texts& words) {
  const auto args = cli::parse_falco_flags(words);
  REQUIRE_FALSE(args);
  CHECK(args.error().fault == Fault::kUser);
  return args.error().message;
}

// As `tiercel falco WORDS` answers, with a configuration that is there.
FalcoAnswer answer(Texts words, const std::string& falco_yaml = "") {
  const TempDir dir;
  write(dir / "falco.yaml", falco_yaml);
  words.insert(words.begin(), {"-c", dir / "falco.yaml"});
  const FalcoArgs args = parsed(words);
  FalcoAnswer loading;
  const auto settings = cli::falco_settings(args, loading);
  if (!settings) return loading;
  auto printed = cli::falco_prints(args, *settings);
  REQUIRE(printed);
  return *printed;
}

rapidjson::Document json_of(const std::string& text) {
  rapidjson::Document document;
  document.Parse(text.data(), text.size());
  REQUIRE_MESSAGE(!document.HasParseError(), text);
  return document;
}

const char* kGood =
    "- rule: Good\n  desc: A rule with a description\n  condition: evt.type = open\n  output: o %proc.name\n"
    "  priority: WARNING\n  tags: [t]\n";
const char* kBad =
    "- rule: Bad\n  desc: d\n  condition: evt.type = open and proc.nam = x\n  output: o\n  priority: INFO\n";
const char* kWarned = "- macro: unused\n  condition: evt.type = open\n";

}  // namespace

TEST_CASE("M3 event sources: exclusion, unknown ones, all of them off") {
  CHECK(parsed({"--enable-source", "syscall"}).enable_sources == Texts{"syscall"});
  CHECK(has(refused({"--enable-source", "syscall", "--disable-source=syscall"}), "do not go together"));
  CHECK(has(refused({"--enable-source", "k8s_audit"}), "there is no event source 'k8s_audit'"));
  CHECK(has(refused({"--disable-source", "nonesuch"}), "there is no event source 'nonesuch'"));
  CHECK(has(refused({"--disable-source", "syscall"}), "all event sources are disabled"));
}

TEST_CASE("M4 validate: text and exit status") {
  const TempDir dir;
  write(dir / "good.yaml", kGood);
  write(dir / "bad.yaml", kBad);
  write(dir / "warned.yaml", kWarned);
  const FalcoAnswer good = answer({"-V", dir / "good.yaml"});
  CHECK(good.status == 0);
  CHECK(good.out == dir / "good.yaml" + ": Ok\n");
  CHECK(good.err.empty());

  const FalcoAnswer all =
      answer({"-V", dir / "good.yaml", "--validate=" + dir / "bad.yaml", "-V", dir / "warned.yaml"});
  CHECK(all.status == 1);
  CHECK(all.out.starts_with(dir / "good.yaml" + ": Ok\n" + dir / "bad.yaml" + ": Invalid\n1 Error:\n" +
                            dir / "bad.yaml" +
                            ":3:34: error: rule 'Bad': filter_check called with nonexistent field proc.nam "));
  CHECK(all.out.ends_with(dir / "warned.yaml" + ": Ok, with warnings\n"));
  CHECK(has(all.err, "warned.yaml: 1 warning; -v shows them"));
  CHECK(has(all.err, "Error: invalid: " + dir / "bad.yaml"));
  CHECK(has(answer({"-v", "-V", dir / "warned.yaml"}).err, "[LOAD_UNUSED_MACRO]"));

  write(dir / "high.yaml",
        std::string(kGood) + "- rule: H\n  desc: d\n  condition: evt.type = open\n  output: o\n  priority: HIGH\n");
  CHECK(answer({"-V", dir / "high.yaml"}).status == 1);  // Falco's verdict
  CHECK(answer({"-V", dir / "none.yaml"}).status == 1);
  CHECK(has(answer({"-V", dir / "none.yaml"}).out, "none.yaml: Invalid\n"));
}

TEST_CASE("M4 validate: files are one load, in order") {
  const TempDir dir;
  write(dir / "macro.yaml", "- macro: m\n  condition: evt.type = open\n");
  write(dir / "rule.yaml", "- rule: R\n  desc: d\n  condition: m\n  output: o\n  priority: INFO\n");
  CHECK(answer({"-V", dir / "macro.yaml", "-V", dir / "rule.yaml"}).status == 0);
  CHECK(answer({"-V", dir / "rule.yaml"}).status == 1);
}

TEST_CASE("M4 validate: a configuration given as rules is told") {
  const TempDir dir;
  write(dir / "falco.yaml", "json_output: true\nrules_files: [/x]\n");
  const FalcoAnswer got = answer({"-V", dir / "falco.yaml"});
  CHECK(got.status == 1);
  CHECK(has(got.out,
            "this looks like a configuration, not like rules: tiercel falco -c " + dir / "falco.yaml" + " --dry-run"));
}

TEST_CASE("M4 validate and -L, -l: Falco's JSON description") {
  const TempDir dir;
  write(dir / "good.yaml", kGood);
  const std::string json = "json_output: true\n";
  const FalcoAnswer both = answer({"-V", dir / "good.yaml", "-L"}, json);
  CHECK(both.status == 0);
  const auto document = json_of(both.out);
  REQUIRE(document["falco_describe_results"]["rules"].Size() == 1);
  const FalcoAnswer all = answer({"-r", dir / "good.yaml", "-L"}, json);
  CHECK(all.status == 0);
  const auto listed = json_of(all.out);
  REQUIRE(listed["rules"].Size() == 1);
  const std::string name = listed["rules"][0]["info"]["name"].GetString();
  CHECK(name == document["falco_describe_results"]["rules"][0]["info"]["name"].GetString());
  const auto one = json_of(answer({"-r", dir / "good.yaml", "-l", name}, json).out);
  CHECK(one["info"]["name"].GetString() == name);
  CHECK(one["details"]["events"].Size() > 0);
  CHECK(answer({"-r", dir / "good.yaml", "-l", "none"}, json).status == 1);
}

TEST_CASE("M4 validate: Falco's JSON") {
  const TempDir dir;
  write(dir / "good.yaml", kGood);
  write(dir / "bad.yaml", std::string("- list: l\n  itms: [a]\n  items: [b]\n") + kBad);
  const FalcoAnswer got = answer({"-V", dir / "good.yaml", "-V", dir / "bad.yaml"}, "json_output: true\n");
  CHECK(got.status == 1);
  CHECK(got.out.find('\n') == got.out.size() - 1);
  const auto document = json_of(got.out);
  const auto& results = document["falco_load_results"];
  REQUIRE(results.Size() == 2);
  CHECK(results[0]["name"].GetString() == dir / "good.yaml");
  CHECK(results[0]["successful"].GetBool());
  CHECK(results[0]["schema_valid"].GetBool());
  CHECK(results[0]["errors"].Empty());
  CHECK(results[0]["warnings"].Empty());
  const auto& bad = results[1];
  CHECK_FALSE(bad["successful"].GetBool());
  CHECK_FALSE(bad["schema_valid"].GetBool());
  CHECK(bad["schema_warnings"].Size() == 1);
  REQUIRE(bad["errors"].Size() == 1);
  const auto& error = bad["errors"][0];
  CHECK(std::string(error["code"].GetString()) == "LOAD_ERR_COMPILE_CONDITION");
  CHECK(std::string(error["codedesc"].GetString()) == "Error compiling condition");
  CHECK(has(error["message"].GetString(), "nonexistent field proc.nam"));
  const auto& locations = error["context"]["locations"];
  REQUIRE(locations.Size() == 2);
  CHECK(std::string(locations[0]["item_type"].GetString()) == "rules content");
  CHECK(std::string(locations[1]["item_type"].GetString()) == "rule");
  CHECK(std::string(locations[1]["item_name"].GetString()) == "Bad");
  const auto& position = locations[1]["position"];
  CHECK(position["name"].GetString() == dir / "bad.yaml");
  CHECK(position["line"].GetInt() == 5);  // from 0
  CHECK(position["column"].GetInt() == 33);
  const std::string text = siem::test::content_of(dir / "bad.yaml");
  CHECK(text.substr(position["offset"].GetUint64(), 8) == "proc.nam");
  CHECK(std::string(error["context"]["snippet"].GetString()) ==
        "  condition: evt.type = open and proc.nam = x\n" + std::string(33, ' ') + "^\n");
  CHECK(std::string(bad["warnings"][0]["code"].GetString()).starts_with("LOAD_UN"));
}

TEST_CASE("M4 the stock rules are valid, alone and together") {
  const char* shared = std::getenv("TIERCEL_SHARED");
  REQUIRE(shared != nullptr);
  Texts together;
  for (const char* name : {"falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml",
                           "falco-deprecated_rules.yaml", "application_rules.yaml"}) {
    const std::string path = std::string(shared) + "/data/falco-rules/" + name;
    together.insert(together.end(), {"-V", path});
  }
  CHECK(answer({together[0], together[1]}).status == 0);
  const FalcoAnswer all = answer(together);
  CHECK_MESSAGE(all.status == 0, all.out);
  CHECK(has(all.out, "falco_rules.yaml: Ok\n"));
}

TEST_CASE("M5 load: missing files are passed by in rules_files, and errors with -r") {
  const TempDir dir;
  write(dir / "good.yaml", kGood);
  auto options = [&](const Texts& words, const std::string& falco_yaml) {
    write(dir / "falco.yaml", falco_yaml);
    Texts all = words;
    all.insert(all.begin(), {"-c", dir / "falco.yaml"});
    const FalcoArgs args = parsed(all);
    FalcoAnswer loading;
    const auto settings = cli::falco_settings(args, loading);
    REQUIRE_MESSAGE(settings, loading.err);
    return cli::falco_run_options(args, *settings, {});
  };
  const std::string out = "stdout_output: {enabled: true}\n";
  const auto some = options({}, out + "rules_files: [/nowhere/a, " + dir / "good.yaml" + "]\n");
  REQUIRE(some);
  CHECK(some->config.rules_files == Texts{dir / "good.yaml"});
  CHECK(has(options({}, out + "rules_files: [/nowhere/a]\n").error().message,
            "none of rules_files is there: /nowhere/a"));
  CHECK(has(options({}, out).error().message, "no rules: name a file or folder with -r"));
  CHECK(has(options({"-r", "/nowhere/b"}, out).error().message, "/nowhere/b is not there"));
  CHECK(options({"-r", dir / "good.yaml"}, out + "rules_files: [/x]\n")->config.rules_files ==
        Texts{dir / "good.yaml"});
  CHECK(has(options({"-r", dir.path()}, "").error().message, "No output configured"));
  CHECK(options({"-r", dir.path()}, "http_output: {enabled: true, url: \"http://h\"}\n")->config.outputs.size() == 1);
  FalcoAnswer missing;
  CHECK_FALSE(cli::falco_settings(parsed({"-c", "/nowhere/falco.yaml"}), missing));
  CHECK(missing.status == 1);
  CHECK(has(missing.err, "/nowhere/falco.yaml: error: "));
}

TEST_CASE("M10 the list of fields: every class, in every form") {
  Texts classes;
  for (const rule::FieldInfo& field : rule::all_fields()) {
    const std::string name(field.name.substr(0, field.name.find('.')));
    if (!field.has(rule::FF_TABLE_ONLY) && (classes.empty() || classes.back() != name)) classes.push_back(name);
  }
  const FalcoAnswer text = answer({"--list"});
  const FalcoAnswer markdown = answer({"--list=syscall", "--format", "markdown"});
  const auto json = json_of(answer({"--list", "--format=json"}).out);
  const std::string names = answer({"--list", "-N"}).out;
  for (const std::string& name : classes) {
    CHECK(has(text.out, "Field Class:                  " + name + "\n"));
    CHECK(has(markdown.out, "## Field Class: " + name + "\n"));
  }
  size_t in_json = 0, fields = 0;
  for (const auto& entry : json.GetArray()) in_json += entry["fields"].Size();
  for (const rule::FieldInfo& field : rule::all_fields()) {
    if (field.has(rule::FF_TABLE_ONLY)) continue;
    ++fields;
    CHECK(has("\n" + names, "\n" + std::string(field.name) + "\n"));
    CHECK(has(markdown.out, "\n`" + std::string(field.name) + "` | "));
  }
  CHECK(in_json == fields);
  CHECK(answer({"--list=k8s_audit"}).status == 1);
  CHECK(has(answer({"--list-events"}).out, "execve("));
  CHECK(json_of(answer({"--list-events", "--format", "json"}).out).Size() > 20);
  CHECK(has(answer({"--list-events", "--format", "markdown"}).out, "\n`execve` | "));
}

TEST_CASE("falco flags: forms of writing them") {
  const FalcoArgs args = parsed({"-rA", "-r", "B", "-ok=v", "--option=a.b=c=d", "-vU", "-M5", "-P", "/p", "-pc",
                                 "-px=%a", "--print=y", "--list=syscall", "-N", "-l", "My rule"});
  CHECK(args.rules == Texts{"A", "B"});
  CHECK(args.options == Texts{"k=v", "a.b=c=d"});
  CHECK(args.verbose);
  CHECK(args.stop_after_s == 5);
  CHECK(args.pidfile == "/p");
  CHECK(args.prints == Texts{"x=%a", "y"});
  CHECK(args.list_source == "syscall");
  CHECK(args.names_only);
  CHECK(args.describe_rule == "My rule");
  CHECK(parsed({"--list"}).list_source == "");
  CHECK(has(refused({"--fromat", "json"}), "unknown flag --fromat, did you mean --format?"));
  CHECK(has(refused({"-Z"}), "unknown flag -Z"));
  CHECK(has(refused({"-r"}), "-r needs a value: FILE"));
  CHECK(has(refused({"--dry-run=1"}), "--dry-run takes no value"));
  CHECK(has(refused({"rules.yaml"}), "is no flag; rule files are named with -r FILE or -V FILE"));
  CHECK(has(refused({"-M", "soon"}), "no number of seconds"));
  CHECK(has(refused({"--format", "xml"}), "takes text, markdown or json"));
  CHECK(has(refused({"--markdown", "--format", "json"}), "do not go together"));
  CHECK(parsed({"--markdown", "--list"}).format == "markdown");
  CHECK(has(refused({"--"}), "is no flag"));
  CHECK(has(refused({"-"}), "is no flag"));
  CHECK(has(refused({""}), "is no flag"));
}

TEST_CASE("falco flags: what Falco removed does what took its place, with a warning, or is refused") {
  auto settings = [](const Texts& words) {
    Texts all = words;
    const TempDir dir;
    write(dir / "falco.yaml", "");
    all.insert(all.begin(), {"-c", dir / "falco.yaml"});
    const FalcoArgs args = parsed(all);
    CHECK(args.warnings.size() >= 1);
    FalcoAnswer loading;
    auto got = cli::falco_settings(args, loading);
    REQUIRE_MESSAGE(got, loading.err);
    return *got;
  };
  using Selection = std::vector<config::RuleSelection>;
  CHECK(settings({"-D", "ell", "-T", "net"}).config.rules == Selection{{false, "*ell*", ""}, {false, "", "net"}});
  CHECK(settings({"-t", "a", "-t", "b"}).config.rules == Selection{{false, "*", ""}, {true, "", "a"}, {true, "", "b"}});
  CHECK(settings({"-e", "/x.rec"}).replay_from == "/x.rec");
  CHECK(settings({"--modern-bpf"}).replay_from.empty());
  CHECK(settings({"-p", "x=%proc.name"}).config.append_output.at(0).extra_output == "x=%proc.name");
  CHECK(settings({"-pk"}).config.append_output.empty());
  settings({"-A"});
  settings({"-S", "80"});
  settings({"--cri", "/run/x", "--disable-cri-async", "-s", "f", "--stats-interval", "5", "-k", "u", "-K", "f"});
  CHECK(parsed({"--list-syscall-events"}).list_events);
  CHECK(has(refused({"-t", "a", "-D", "b"}), "-t does not go together with -D or -T"));
  CHECK(has(refused({"--nodriver"}), "use -o engine.kind=modern_ebpf"));
  CHECK(has(refused({"-u"}), "use -o engine.kind=modern_ebpf"));
  CHECK(has(refused({"-g", "f"}), "Falco removed the gVisor engine"));
  CHECK(has(refused({"-d"}), "let systemd"));
}

TEST_CASE("falco -L and -l: names and descriptions") {
  const TempDir dir;
  write(dir / "r.yaml", std::string(kGood) + "- rule: Other\n  desc: " + std::string(80, 'a') + " " +
                            std::string(30, 'b') + "\n  condition: evt.type = open\n  output: o\n  priority: INFO\n");
  const FalcoAnswer all = answer({"-L", "-r", dir / "r.yaml"});
  CHECK(all.status == 0);
  CHECK(all.out.starts_with("Rule                                               Description\n"));
  CHECK(has(all.out, "\nGood                                               A rule with a description\n\n"));
  CHECK(has(all.out, std::string(80, 'a') + "\n" + std::string(51, ' ') + std::string(30, 'b') + "\n"));
  const FalcoAnswer one = answer({"-l", "Good", "-r", dir / "r.yaml"});
  CHECK(has(one.out, "\nGood "));
  CHECK_FALSE(has(one.out, "\nOther "));
  CHECK(answer({"-l", "Nonesuch", "-r", dir / "r.yaml"}).status == 1);
  CHECK(answer({"-L"}).status == 1);
  CHECK(has(answer({"-V", dir / "r.yaml", "-l", "Good"}).out, ": Ok\n\nRule "));
}

TEST_CASE("falco --dry-run: Falco's verdict on configuration and rules") {
  const TempDir dir;
  write(dir / "good.yaml", kGood);
  write(dir / "bad.yaml", kBad);
  const std::string out = "stdout_output: {enabled: true}\nrules: [{disable: {tag: t}}]\n";
  const FalcoAnswer good = answer({"--dry-run", "-r", dir / "good.yaml"}, out);
  CHECK(good.status == 0);
  CHECK(good.out == "Ok: 1 rules in 1 files, 0 active, 0 warnings\n");
  const FalcoAnswer bad = answer({"--dry-run", "-r", dir / "good.yaml", "-r", dir / "bad.yaml"}, out);
  CHECK(bad.status == 1);
  CHECK(has(bad.err, "proc.nam"));
  CHECK(answer({"--dry-run", "-r", dir / "good.yaml"}, "").status == 1);               // no output
  CHECK(answer({"--dry-run", "-r", dir / "good.yaml"}, "priority: x\n").status == 1);  // the configuration
}

TEST_CASE("falco --support, --version and small prints") {
  const TempDir dir;
  write(dir / "good.yaml", kGood);
  const FalcoAnswer got = answer(
      {"--support", "-r", dir / "good.yaml", "-o", "http_output.url=http://SECRET1"},
      "http_output: {enabled: true, url: \"https://h/SECRET2\"}\nplugins:\n- name: x\n  init_config:\n    k: SECRET3\n"
      "  open_params: SECRET4\nprogram_output: {program: \"curl SECRET5\"}\n");
  CHECK(got.status == 0);
  CHECK_FALSE(has(got.out, "SECRET"));
  const auto document = json_of(got.out);
  CHECK(document["rules"]["loaded"].GetUint64() == 1);
  CHECK(has(document["rules_files"][0]["content"].GetString(), "A rule with a description"));
  CHECK(std::string(document["options_set"].GetString()) == "http_output.url");
  CHECK(std::string(document["system_info"]["sysname"].GetString()) == "Linux");
  CHECK(has(answer({"--version"}).out, "Falco rules engine: 0.63.0"));
  CHECK(std::string(json_of(answer({"--version"}, "json_output: true\n").out)["engine_version_semver"].GetString()) ==
        "0.63.0");
  CHECK(has(answer({"--list-plugins"}).out, "container: built in"));
  CHECK(answer({"--plugin-info", "json"}).status == 1);
  CHECK(has(answer({"-i"}).out, "Ignored system calls: none"));
}

TEST_CASE("falco: a run is the agent's, with what tiercel.yaml adds") {
  const TempDir dir;
  write(dir / "good.yaml", kGood);
  write(dir / "falco.yaml", "stdout_output: {enabled: true}\npriority: error\njson_output: true\n");
  const FalcoArgs args = parsed({"-c", dir / "falco.yaml", "-r", dir / "good.yaml", "-M", "7", "-v"});
  FalcoAnswer loading;
  const auto settings = cli::falco_settings(args, loading);
  REQUIRE(settings);
  config::Config own;
  own.wazuh.managers = {{"manager", 1514, 1515}};
  own.outputs = {config::Output{config::WazuhManager{"manager", 1514, 1515}, 3}, config::Output{}};
  own.state_dir = "/s";
  own.run_dir = "/r";
  own.sensor.ring_bulk_size_kb = 64;
  own.priority = 1;
  const auto run = cli::falco_run_options(args, *settings, own);
  REQUIRE(run);
  CHECK(run->config.wazuh == own.wazuh);
  CHECK(run->config.sensor == own.sensor);
  CHECK(run->config.state_dir == "/s");
  CHECK(run->config.run_dir == "/r");
  CHECK(run->config.priority == 3);  // what Falco has too is falco.yaml's
  CHECK(run->config.log_level == log::Level::kDebug);
  REQUIRE(run->config.outputs.size() == 2);
  CHECK(run->config.outputs[0] == config::Output{config::StdoutOutput{config::StdoutOutput::Format::kJson}});
  CHECK(run->config.outputs[1] == own.outputs[0]);
  CHECK(run->stop_after_s == 7);
  CHECK(run->control_socket);
  own = {};
  own.wazuh.managers.clear();
  CHECK(cli::falco_run_options(args, *settings, {})->config.wazuh.managers.empty());
}
