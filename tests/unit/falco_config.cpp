// falco.yaml: group L of the check-list of Falco's behaviours. Each item begins the names of its tests.
#include "agent/falco/option.h"
#include "agent/falco/tree.h"
#include "agent/rule/load.h"
#include "falco_support.h"

using namespace tiercel;
using namespace tiercel::falco;
using namespace tiercel::falco::test;
using Texts = std::vector<std::string>;

TEST_CASE("L1 keys read from YAML: scalars, lists, nested; defaults when missing") {
  const Load load(
      "rules_files: [/a, /b]\npriority: notice\njson_output: true\nrule_matching: all\n"
      "stdout_output:\n  enabled: true\ntime_format_iso_8601: on\njson_include_tags_property: false\nlog_level: "
      "debug\n");
  CHECK(load->rules_files == Texts{"/a", "/b"});
  CHECK(load->priority == 5);
  CHECK(load->json_output);
  CHECK(load->rule_matching == config::RuleMatching::kAll);
  CHECK(load->time_format_iso_8601);
  CHECK_FALSE(load->json_include_tags_property);
  CHECK(load->log_level == log::Level::kDebug);
  REQUIRE(load->outputs.size() == 1);
  CHECK(load.quiet());

  const Load empty("# nothing\n");
  CHECK(empty->rules_files.empty());
  CHECK(empty->priority == kPriorityDebug);
  CHECK_FALSE(empty->json_output);
  CHECK(empty->json_include_output_property);
  CHECK_FALSE(empty->json_include_message_property);
  CHECK(empty->json_include_output_fields_property);
  CHECK(empty->json_include_tags_property);
  CHECK(empty->rule_matching == config::RuleMatching::kFirst);
  CHECK(empty->append_output.empty());  // it is the shipped file that has suggested_output
  CHECK(empty->outputs.empty());
  CHECK(Load("rules_files: /one\n")->rules_files == Texts{"/one"});
}

TEST_CASE("L1 a value of the wrong type is an error with its place") {
  const Load load("json_output: perhaps\npriority: hihg\nlog_level: [a]\n");
  CHECK_FALSE(load.settings);
  CHECK(has(load.said, "f.yaml:1:14: error: json_output must be true or false, not 'perhaps'"));
  CHECK(has(load.said, "f.yaml:2:11: error: priority must be Emergency, Alert"));
  CHECK(has(load.said, "f.yaml:3:12: error: log_level must be a priority, here is a list"));
}

TEST_CASE("L1 a file that is no configuration") {
  CHECK(has(Load("- rule: x\n").said, "f.yaml:1:1: error: a configuration is a map of keys"));
  CHECK(has(Load("a: [1\n").said, "error: not YAML"));
  CHECK_FALSE(Load("a: 1\n---\nb: 2\n").settings);
  CHECK(has(Load(Request{"/nowhere/falco.yaml", {}}).said, "/nowhere/falco.yaml: error: "));
}

TEST_CASE("L2 path syntax") {
  using Kind = Step::Kind;
  auto path = [](std::string_view text) {
    auto steps = parse_path(text);
    REQUIRE_MESSAGE(steps, text);
    return *steps;
  };
  CHECK(path("a.b[0].c") ==
        std::vector<Step>{{Kind::kKey, "a", 0}, {Kind::kKey, "b", 0}, {Kind::kIndex, "", 0}, {Kind::kKey, "c", 0}});
  CHECK(path("a[]") == std::vector<Step>{{Kind::kKey, "a", 0}, {Kind::kAppend, "", 0}});
  CHECK(path("m[1][12]") == std::vector<Step>{{Kind::kKey, "m", 0}, {Kind::kIndex, "", 1}, {Kind::kIndex, "", 12}});
  CHECK(path(R"(a\.b.c\[0].d\\e)") ==
        std::vector<Step>{{Kind::kKey, "a.b", 0}, {Kind::kKey, "c[0]", 0}, {Kind::kKey, "d\\e", 0}});
  for (const char* bad :
       {"", ".", "a.", ".a", "a..b", "a[", "a[x]", "a[-1]", "a[0]b", "[0]", "a[99999999999999999999]"})
    CHECK_FALSE_MESSAGE(parse_path(bad), bad);
  CHECK_FALSE(parse_path("a" + std::string(200, '.')));
  std::string deep = "a";
  for (int i = 0; i < 100; ++i) deep += ".a";
  CHECK_FALSE(parse_path(deep));
}

TEST_CASE("L2 a path finds what the file holds") {
  Diagnostics diagnostics;
  config::TreeNode root;
  REQUIRE(config::read_tree("a:\n  b:\n  - c: one\n  - [x, y]\nd.e: two\n\"f[0]\": three\n", "t", diagnostics, root));
  auto text = [&](std::string_view path) {
    const config::TreeNode* node = find_node(root, *parse_path(path));
    return node == nullptr ? "-" : node->text;
  };
  CHECK(text("a.b[0].c") == "one");
  CHECK(text("a.b[1][1]") == "y");
  CHECK(text(R"(d\.e)") == "two");
  CHECK(text(R"(f\[0])") == "three");
  CHECK(text("a.b[2]") == "-");
  CHECK(text("a.x.y") == "-");
  CHECK(text("a.b[]") == "-");
}

TEST_CASE("L3 -o overrides the file, in order") {
  const Load load("json_output: false\nrules_files: [/a, /b]\nstdout_output: {enabled: false}\n",
                  {"json_output=true", "rules_files[]=/c", "rules_files[0]=/z", "stdout_output.enabled=true",
                   "priority=error", "priority=alert"});
  CHECK(load->json_output);
  CHECK(load->rules_files == Texts{"/z", "/b", "/c"});
  CHECK(load->priority == 1);
  CHECK(load->outputs == std::vector<config::Output>{{config::StdoutOutput{config::StdoutOutput::Format::kJson}}});
  CHECK(load.quiet());
}

TEST_CASE("L3 -o with a list's entry as JSON, YAML, or by the path") {
  const Load load("append_output: [{extra_output: first}]\n",
                  {R"(append_output[]={"extra_output": "site=%static.site", "match": {"tags": ["a", "b"]}})",
                   "rules[].disable.rule=*", R"(rules[]={enable: {tag: shell}})", "static_fields.site=a=b",
                   "rules_files=[/x, /y]"});
  REQUIRE(load->append_output.size() == 2);
  CHECK(load->append_output[1].extra_output == "site=%static.site");
  CHECK(load->append_output[1].match.tags == Texts{"a", "b"});
  CHECK(load->rules == std::vector<config::RuleSelection>{{false, "*", ""}, {true, "", "shell"}});
  CHECK(load->static_fields == std::vector<config::StaticField>{{"site", "a=b"}});  // the first = counts
  CHECK(load->rules_files == Texts{"/x", "/y"});
  CHECK(Load("rules_files: /a\n", {"rules_files[]=/b"})->rules_files == Texts{"/a", "/b"});  // one text is a list
  CHECK(Load("stdout_output:\n", {"stdout_output.enabled=true"})->outputs.size() == 1);
}

TEST_CASE("L3 -o keeps types, and says what does not fit by its own name") {
  const Load load("rules_files: [/a]\nengine: {kind: kmod}\n",
                  {"json_output=7", "priority=", "rules_files[3]=x", "engine[0]=x", "json_output.x=1",
                   "rules_files.x=1", "nokey", "=1", "x={", "log_level={a: b}"});
  CHECK_FALSE(load.settings);
  for (const char* part :
       {"-o rules_files[3]: error: there is no place for [3]", "-o engine[0]: error: there is no place for [0]",
        "-o json_output.x: error: there is no place for x", "-o rules_files.x: error: there is no place for x",
        "-o nokey: error: must be of the form key=value or key.subkey=value", "-o : error: is no path to a key",
        "-o json_output: error: json_output must be true or false, not '7'",
        "-o x:1:", "-o log_level: error: log_level must be a priority, here is a map of keys"})
    CHECK_MESSAGE(has(load.said, part), load.said);
}

TEST_CASE("L4 environment in values") {
  const auto environment = with({{"NAME", "value"}, {"IN", "<${NAME}>"}, {"YES", "true"}, {"EMPTY", ""}});
  auto expanded = [&](const std::string& text) {
    const Load load("static_fields:\n  x: '" + text + "'\n", {}, environment);
    return load->static_fields.at(0).value;
  };
  CHECK(expanded("${NAME}") == "value");
  CHECK(expanded("a ${NAME}/${NAME}b") == "a value/valueb");
  CHECK(expanded("${IN}") == "<value>");  // what it holds is expanded too
  CHECK(expanded("${UNSET}") == "");
  CHECK(expanded("$${NAME}") == "${NAME}");
  CHECK(expanded("$${NAME}${NAME}") == "${NAME}value");
  CHECK(expanded("$${${NAME}}") == "${value}");
  CHECK(expanded("$NAME $$NAME") == "$NAME $$NAME");
  CHECK(expanded("${NAME") == "${NAME");
}

TEST_CASE("L4 the type is decided after the expansion, and what is left empty is not given") {
  const auto environment = with({{"YES", "true"}, {"P", "warning"}, {"DIR", "/rules"}, {"NO", "false"}});
  const Load load(
      "json_output: ${YES}\npriority: ${P}\nrules_files: [\"${DIR}/a\", \"${DIR}/${P}\"]\n"
      "json_include_tags_property: ${UNSET}\nlog_level: ${UNSET}\nrule_matching: ${UNSET}\n"
      "json_include_output_property: \"${NO}\"\n",
      {}, environment);
  CHECK(load->json_output);
  CHECK(load->priority == 4);
  CHECK(load->rules_files == Texts{"/rules/a", "/rules/warning"});
  CHECK(load->json_include_tags_property);
  CHECK(load->rule_matching == config::RuleMatching::kFirst);
  CHECK_FALSE(load->json_include_output_property);
  CHECK(load.quiet());
  const Load option("", {"json_output=${YES}"}, environment);
  CHECK(option->json_output);
  const Load wrong("json_output: ${P}\n", {}, environment);
  CHECK(has(wrong.said, "json_output must be true or false, not '${P}'"));  // what it holds is not shown
}

TEST_CASE("L5 environment stays out of rule files") {
  const auto loaded =
      rule::load_texts({{"r.yaml",
                         "- rule: R\n  desc: d ${HOME}\n  condition: evt.type = open and fd.name = '${HOME}'\n"
                         "  output: o ${HOME} $${HOME}\n  priority: INFO\n"}});
  REQUIRE(loaded.rules);
  CHECK(loaded.rules->rule(0).description == "d ${HOME}");
  CHECK(has(loaded.rules->rule(0).condition, "'${HOME}'"));
  CHECK(has(loaded.rules->rule(0).output, "o ${HOME} $${HOME}"));
}

TEST_CASE("L6 config_files: strategies, order, folders, what is missing") {
  const TempDir dir;
  std::filesystem::create_directory(dir / "d");
  write(dir / "d/b.yaml", "priority: error\nrules_files: [/b]\n");
  write(dir / "d/a.yml", "priority: alert\nrules_files: [/a]\njson_output: true\n");
  write(dir / "d/c.txt", "priority: [\n");
  write(dir / "over.yaml", "rules_files: [/o]\n");
  write(dir / "add.yaml", "json_output: false\ntime_format_iso_8601: true\n");
  const std::string main = dir / "falco.yaml";
  auto loaded = [&](const std::string& includes) {
    write(main, "config_files:\n" + includes + "priority: debug\nrules_files: [/main]\n");
    return Load(Request{main, {}});
  };
  const std::string folder = "  - " + dir.path() + "/d\n";
  const Load both = loaded(folder);
  CHECK(both->rules_files == Texts{"/main", "/a", "/b"});  // lists grow, sorted by name
  CHECK(both->priority == 3);                              // later wins
  CHECK(both->json_output);
  CHECK(both.settings->files == Texts{main, dir / "d/a.yml", dir / "d/b.yaml"});
  CHECK(both.quiet());
  CHECK(loaded(folder + "  - {path: " + dir / "over.yaml" + ", strategy: override}\n")->rules_files == Texts{"/o"});
  const Load added = loaded(folder + "  - path: " + dir / "add.yaml" + "\n    strategy: add-only\n");
  CHECK(added->json_output);
  CHECK(added->time_format_iso_8601);
  CHECK(loaded("  - /nowhere/x.yaml\n  - path: /nowhere/d\n").quiet());
  CHECK(Load("config_files: /nowhere\n").quiet());
}

TEST_CASE("L6 config_files: nested, itself, bad entries, bad files") {
  const TempDir dir;
  const std::string main = dir / "falco.yaml";
  auto said = [&](const std::string& includes) {
    write(main, "config_files: [" + includes + "]\n");
    const Load load(Request{main, {}});
    CHECK_FALSE_MESSAGE(load.settings, includes);
    return load.said;
  };
  write(dir / "nested.yaml", "json_output: true\nconfig_files: [/x]\n");
  write(dir / "list.yaml", "- rule: x\n");
  CHECK(has(said(dir / "nested.yaml"), "nested.yaml:2:1: error: config_files in a file that config_files named"));
  CHECK(has(said(main), "falco.yaml:1:15: error: config_files names the file that it is in"));
  CHECK(has(said(dir.path()), "config_files names the file that it is in"));
  CHECK(has(said(dir / "list.yaml"), "list.yaml:1:1: error: a configuration is a map of keys"));
  CHECK(has(said("{strategy: append}"), "config_files needs a path"));
  CHECK(has(said("{path: /x, strategy: appnd}"), "config_files.strategy must be append, override or add-only"));
  CHECK(has(said("[a]"), "must be a map of keys, here is a list"));
}

TEST_CASE("L7 merging of scalars, maps and lists per strategy") {
  auto merged = [](Strategy strategy) {
    Diagnostics diagnostics;
    config::TreeNode root, more;
    REQUIRE(config::read_tree("s: 1\nm: {a: 1, b: 1}\nl: [1]\nmixed: [1]\nmine: 1\n", "r", diagnostics, root));
    REQUIRE(config::read_tree("s: 2\nm: {a: 2}\nl: [2, 3]\nmixed: 2\nyours: 2\n", "m", diagnostics, more));
    merge(root, more, strategy);
    std::string out;
    for (const config::Member& member : root.members) {
      out += member.key + "=" + member.value.text;
      for (const auto& item : member.value.items) out += item.text;
      for (const auto& inner : member.value.members) out += inner.key + inner.value.text;
      out += ' ';
    }
    return out;
  };
  CHECK(merged(Strategy::kAppend) == "s=2 m=a2 l=123 mixed=2 mine=1 yours=2 ");
  CHECK(merged(Strategy::kOverride) == "s=2 m=a2 l=23 mixed=2 mine=1 yours=2 ");
  CHECK(merged(Strategy::kAddOnly) == "s=1 m=a1b1 l=1 mixed=1 mine=1 yours=2 ");
}

TEST_CASE("L8 outputs: enabled, formats, files") {
  using config::FileOutput;
  using config::SyslogOutput;
  const std::string on =
      "stdout_output: {enabled: true}\nsyslog_output: {enabled: true}\n"
      "file_output: {enabled: true, keep_alive: true, filename: /var/x}\n";
  const Load text(on);
  REQUIRE(text->outputs.size() == 3);
  CHECK(text->outputs[0] == config::Output{config::StdoutOutput{}});
  CHECK(text->outputs[1] == config::Output{SyslogOutput{}});
  CHECK(text->outputs[2] == config::Output{FileOutput{"/var/x", FileOutput::Format::kText, 0, 5}});
  const Load json("json_output: true\n" + on);
  CHECK(json->outputs[1] == config::Output{SyslogOutput{SyslogOutput::Format::kJson}});
  CHECK(json->outputs[2] == config::Output{FileOutput{"/var/x", FileOutput::Format::kFalco, 0, 5}});
  const Load relative("file_output: {enabled: true, filename: ./e.txt}\n");
  CHECK(std::get<FileOutput>(relative->outputs.at(0).to).path.starts_with('/'));
  CHECK(has(Load("file_output: {enabled: true}\n").said, "error: file_output is enabled, but file_output.filename"));
  CHECK(Load("file_output: {enabled: false}\nstdout_output: {enabled: false}\n")->outputs.empty());
  CHECK(
      has(Load("file_output: {enabled: true, filename: /x, keep_alive: 3}\n").said, "keep_alive should be true/false"));
}

TEST_CASE("L8 outputs: http_output and program_output") {
  const Load load(
      "http_output: {enabled: true, url: \"http://h/token\", ca_bundle: /b, ca_cert: /c, mtls: true, client_cert: /d,\n"
      "  client_key: /e, insecure: true, echo: true}\nprogram_output: {enabled: true, program: \"cat | token\"}\n");
  REQUIRE(load.settings);
  CHECK(load.settings->unfed.empty());
  REQUIRE(load->outputs.size() == 2);
  CHECK(load->outputs[0] == config::Output{config::ProgramOutput{{"/bin/sh", "-c", "cat | token"}}});
  const auto& http = std::get<config::HttpOutput>(load->outputs[1].to);
  CHECK(http.url.reveal() == "http://h/token");
  CHECK(http.tls == config::Tls{"/c", "/d", "/e"});
  REQUIRE(http.headers.size() == 1);
  CHECK(http.headers[0].first == "user-agent");
  CHECK(http.headers[0].second.reveal() == "falcosecurity/falco");
  CHECK(has(load.said, "http_output.insecure is ignored"));
  CHECK(load.said.find("token") == std::string::npos);
  const Load plain("http_output: {enabled: true, url: \"https://h\", client_cert: /d, user_agent: me}\n");
  const auto& other = std::get<config::HttpOutput>(plain->outputs.at(0).to);
  CHECK(other.tls == config::Tls{});
  CHECK(other.headers[0].second.reveal() == "me");
  CHECK(
      has(Load("http_output: {enabled: true}\n").said, "error: http_output is enabled, but http_output.url is no URL"));
  CHECK(has(Load("http_output: {enabled: true, url: \"http://h\", mtls: true}\n").said,
            "needs client_cert and client_key"));
  CHECK(has(Load("program_output: {enabled: true}\n").said, "program_output is enabled, but program_output.program"));
  CHECK(Load("http_output: {enabled: false, url: x, insecure: true}\nprogram_output: {enabled: no}\n").quiet());
}

TEST_CASE("L9 rules: selection entries") {
  const Load load(
      "rules:\n- disable: {rule: \"*\"}\n- enable: {tag: network}\n- {enable: {rule: a}, disable: {rule: b}}\n"
      "- enable: {rule: c, tag: t}\n");
  CHECK(load->rules == std::vector<config::RuleSelection>{{false, "*", ""},
                                                          {true, "", "network"},
                                                          {true, "a", ""},
                                                          {false, "b", ""},
                                                          {true, "c", ""},
                                                          {true, "", "t"}});
  CHECK(load.quiet());
  for (const char* bad : {"[{enable: {}}]", "[{enable: x}]", "[{}]", "[x]", "[{rule: x}]", "x",
                          "[{disable: {rule: [a]}}]", "[{enable: {rule: \"\"}}]", "[null]"})
    CHECK_FALSE_MESSAGE(Load("rules: " + std::string(bad) + "\n").settings, bad);
}

TEST_CASE("L10 unknown keys are warnings with a place and a suggestion") {
  const Load load(
      "rule_files: [x]\nengine: {knd: kmod}\nwazuh: {}\nfoo: 1\nkind: x\njson_output: true\njson_output: false\n"
      "append_output: [{mtch: 1}]\nplugins: [{nam: a}, 3]\n");
  REQUIRE(load.settings);
  CHECK(load->json_output);  // the first one counts, as for Falco's reader
  for (const char* part : {"f.yaml:1:1: warning: unknown key 'rule_files': it is ignored", "did you mean rules_files?",
                           "f.yaml:2:10: warning: engine has the unknown key 'knd'", "did you mean kind?",
                           "wazuh is a key of tiercel.yaml: write it there", "f.yaml:4:1: warning: unknown key 'foo'",
                           "did you mean engine.kind?", "f.yaml:7:1: warning: 'json_output' is written twice",
                           "f.yaml:8:18: warning: unknown key 'mtch' in append_output[0]: it is ignored",
                           "f.yaml:9:12: warning: plugins[0] has the unknown key 'nam'", "plugins[1] should be a map"})
    CHECK_MESSAGE(has(load.said, part), part, "\n", load.said);
}

TEST_CASE("L10 wrong types of keys that nothing reads are warnings, deprecated keys pass") {
  const Load load(
      "output_timeout: soon\nwebserver: {threadiness: [1]}\nsyscall_event_drops: {rate: x}\nbuffered_outputs: 7\n"
      "libs_logger: text\nplugins: {a: b}\nbase_syscalls: {custom_set: {a: b}}\n");
  REQUIRE(load.settings);
  for (const char* part :
       {"output_timeout should be integer", "webserver.threadiness should be integer",
        "syscall_event_drops.rate should be number", "buffered_outputs should be true/false",
        "libs_logger should be map", "plugins should be maps", "base_syscalls.custom_set should be texts"})
    CHECK_MESSAGE(has(load.said, part), part, "\n", load.said);
  CHECK(Load("engine: {kmod: {buf_size_preset: 4}}\nsyscall_buf_size_preset: 4\nsyscall_drop_failed_exit: false\n"
             "grpc: {enabled: false, bind_address: x, threadiness: 0}\ngrpc_output: {enabled: false}\n"
             "container_engines: {docker: {enabled: true}}\nmetadata_download: {max_mb: 100}\n")
            .quiet());
}

TEST_CASE("L11 webserver: address, port") {
  CHECK(Load("webserver: {enabled: false, listen_address: \"::1\", listen_port: 9, ssl_enabled: true}\n").quiet());
  CHECK(has(Load("webserver: {enabled: true, listen_address: 127.0.0.1}\n").said, "webserver.enabled is ignored: "));
  for (const char* bad : {"listen_address: localhost", "listen_address: 1.2.3", "listen_address: 1.2.3.4.5",
                          "listen_port: 0", "listen_port: 65536", "listen_port: http"})
    CHECK_FALSE_MESSAGE(Load("webserver: {" + std::string(bad) + "}\n").settings, bad);
}

TEST_CASE("L12 load_plugins names a plugin that is not there") {
  CHECK(has(Load("load_plugins: [json]\nplugins: [{name: cloudtrail}]\n").said,
            "error: load_plugins names 'json', which is not in plugins"));
  const Load known("load_plugins: [json]\nplugins: [{name: json, library_path: ../../x.so, init_config: {a: [1]}}]\n");
  CHECK(known.settings);  // nothing is loaded, so no path leads anywhere
  CHECK(has(known.said, "load_plugins is ignored: plugins cannot be loaded"));
  CHECK(Load("load_plugins: [container]\nplugins: [{name: container, library_path: libcontainer.so}]\n").quiet());
  CHECK(Load("load_plugins: []\n").quiet());
}

TEST_CASE("L13 append_output") {
  const Load load(
      "append_output:\n- match: {source: syscall, tags: [a, b], rule: R}\n  extra_output: \"x=%proc.name\"\n"
      "  extra_fields: [proc.exe, {mine: \"%proc.pid\"}]\n- suggested_output: true\n");
  REQUIRE(load->append_output.size() == 2);
  CHECK(load->append_output[0] ==
        config::AppendOutput{
            {"syscall", {"a", "b"}, "R"}, "x=%proc.name", {{"proc.exe", ""}, {"mine", "%proc.pid"}}, false});
  CHECK(load->append_output[1].suggested_output);
  for (const char* bad : {"[{extra_fields: x}]", "[{suggested_output: perhaps}]", "[{match: x}]",
                          "[{extra_output: [a]}]", "x", "[{match: {tags: {a: b}}}]"})
    CHECK_FALSE_MESSAGE(Load("append_output: " + std::string(bad) + "\n").settings, bad);
}

TEST_CASE("L14 syscall_event_drops") {
  auto drops = [](const std::string& text) { return Load("syscall_event_drops: {" + text + "}\n"); };
  CHECK(drops("threshold: .1, actions: [log, alert], rate: .03333, max_burst: 1").quiet());
  CHECK(drops("actions: [], threshold: 0").quiet());
  CHECK(drops("actions: [ignore], threshold: 1").quiet());
  CHECK(drops("actions: log").quiet());
  CHECK(has(drops("actions: [exit]").said, "syscall_event_drops.actions is ignored"));
  CHECK(has(drops("actions: [explode]").said, "error: syscall_event_drops.actions must be ignore, log, alert or exit"));
  CHECK(has(drops("actions: [ignore, alert]").said, "has ignore together with log or alert"));
  CHECK(has(drops("actions: [log, ignore]").said, "has ignore together with log or alert"));
  for (const char* bad : {"threshold: -0.1", "threshold: 1.01", "threshold: nan", "threshold: much", "threshold: 1x"})
    CHECK_FALSE_MESSAGE(drops(bad).settings, bad);
  CHECK(has(drops("simulate_drops: true").said, "error: syscall_event_drops.simulate_drops is refused"));
  CHECK_FALSE(Load("syscall_event_timeouts: {max_consecutives: 0}\n").settings);
}

TEST_CASE("L15 rules_file and rules_files together") {
  CHECK(has(Load("rules_file: /a\nrules_files: [/b]\n").said, "error: rules_file and rules_files are both there"));
  const Load old("rules_file: [/a, /b]\n");
  CHECK(old->rules_files == Texts{"/a", "/b"});
  CHECK(has(old.said, "warning: rules_file is deprecated"));
  CHECK(Load("rules_file: /a\n")->rules_files == Texts{"/a"});
}

TEST_CASE("L16 metrics: the interval's text, outputs both off") {
  CHECK(Load("metrics: {enabled: false, interval: 2h 5m, output_rule: false, output_file: \"\"}\n").quiet());
  for (const char* bad : {"5", "99ms", "5m 2h", "1x"})
    CHECK_MESSAGE(
        has(Load("metrics: {interval: " + std::string(bad) + "}\n").said, "warning: metrics.interval is no duration"),
        bad);
  CHECK(has(Load("metrics: {enabled: true}\n").said, "metrics.enabled is ignored: not supported yet"));
}

TEST_CASE("L17 base_syscalls is told as ignored where it would have changed something") {
  CHECK(Load("base_syscalls: {custom_set: [], repair: true, all: true}\n").quiet());
  CHECK(has(Load("base_syscalls: {custom_set: [clone, \"!close\"]}\n").said,
            "base_syscalls.custom_set is ignored: which system calls are watched follows from the active rules"));
}

TEST_CASE("falco: engine.kind decides where events come from") {
  CHECK(Load("engine: {kind: modern_ebpf}\n").settings->replay_from.empty());
  CHECK(Load("engine: {kind: kmod}\n").quiet());
  const Load replay("engine: {kind: replay, replay: {capture_file: /x/y.rec}}\n");
  REQUIRE(replay.settings);
  CHECK(replay.settings->replay_from == "/x/y.rec");
  CHECK(Load("engine: {kind: kmod, replay: {capture_file: /x}}\n").settings->replay_from.empty());
  CHECK(has(Load("engine: {kind: replay}\n").said, "engine.replay.capture_file names no file"));
  CHECK(has(Load("engine: {kind: replay, replay: {capture_file: a.scap}}\n").said, "looks like a capture of Falco's"));
  CHECK(has(Load("engine: {kind: gvisor}\n").said, "names gvisor, which Falco removed"));
  CHECK(has(Load("engine: {kind: nodriver}\n").said, "error: engine.kind is nodriver"));
  CHECK(has(Load("engine: {kind: modern_epbf}\n").said, "did you mean modern_ebpf?"));
  CHECK(has(Load("capture: {mode: none}\n").said, "error: capture.mode must be rules or all_rules"));
}

TEST_CASE("falco: hostile files and options end in a message") {
  const Load deep("a: " + std::string(2000, '['));
  CHECK_FALSE(deep.settings);
  const Load bomb(
      "a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
      "d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d,*d]\n");
  CHECK_FALSE(bomb.settings);
  const Load loop("priority: ${L}\n", {"log_level=${L}"}, with({{"L", "${L}"}}));
  CHECK_FALSE(loop.settings);
  const Load odd(std::string("x\x01y: 1\n\"k\\x00k\": 2\n"), {std::string("a\0b=c", 5), "rules[]={"});
  CHECK_FALSE(odd.settings);
  CHECK_FALSE(Load(",a\n").settings);
}
