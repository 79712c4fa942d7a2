// The command line: flags and subcommands only. What each does is in agent/cli.
#include <CLI/CLI.hpp>

#include <memory>
#include <string_view>

#include "agent/app.h"
#include "agent/cli/alerts.h"
#include "agent/cli/commands.h"
#include "agent/cli/falco.h"
#include "agent/cli/help_flags.h"
#include "agent/cli/report_page.h"
#include "agent/cli/rules_commands.h"
#include "agent/cli/top_flags.h"
#include "agent/response/script.h"

namespace {

using namespace tiercel;

struct Parsed {
  cli::RunArgs run;
  cli::DevManagerArgs dev;
  cli::EnrollArgs enroll;
  std::vector<std::string> files;
  cli::RulesArgs about;
  cli::OutputsTestArgs outputs;
  cli::RulesListArgs list;
  cli::RulesTestArgs test;
  cli::RulesWhyArgs why;
  cli::RulesCaseArgs made;
  cli::RulesExportArgs exported;
  cli::RulesCoverageArgs coverage;
  bool strict = false, json = false;
  std::string run_dir = "/run/tiercel";
  std::string format = "text";
  std::string home, stock_agent, id;
};

void add_agent_options(CLI::App& app, cli::RunArgs& args) {
  app.add_option("--config,-c", args.config_file,
                 "Configuration file (default: /etc/tiercel/tiercel.yaml if it is there)");
  app.add_option("--rules,-r", args.rules, "Rule file or folder; replaces the configured ones; may be repeated");
  app.add_option("--log-level", args.log_level, "debug, info, warning or error");
  app.add_option("--state-dir", args.state_dir, "Where keys and counters are kept (default: /var/lib/tiercel)");
  app.add_option("--host-root", args.host_root,
                 "Where the host's / is mounted, for an agent in a container (default: this is the host)");
  app.add_option("--run-dir", args.run_dir, "Where the control socket is (default: /run/tiercel)");
  app.add_option(
      "--attach", args.attach,
      "How the sensor attaches, for trials: auto, trampoline, kprobe or tracepoint (default: sensor.attach)");
}

void add_doctor(CLI::App& doctor, Parsed& p, int& status) {
  doctor.add_option("--config,-c", p.run.config_file,
                    "Configuration file (default: /etc/tiercel/tiercel.yaml if it is there)");
  doctor.add_option("--host-root", p.run.host_root, "Where the host's / is mounted, from inside a container");
  doctor.add_option("--run-dir", p.run.run_dir, "Where the agent's control socket is (default: /run/tiercel)");
  doctor.add_option("--state-dir", p.run.state_dir,
                    "Where the agent keeps keys and alerts (default: /var/lib/tiercel)");
  doctor.add_option("--attach", p.run.attach, "As if the agent were told to attach that way");
  doctor.add_flag("--json", p.json, "For machines: a list of {state, what, detail, means, way_out}");
  doctor.footer(
      "Each row: ok, note (works, with less) or MISSING, and below it what follows and the way out. Changes nothing.\n"
      "Exit status: 0 nothing is missing, 1 the configuration has mistakes, 2 something is missing.\n"
      "Examples:\n  sudo tiercel doctor\n  sudo tiercel doctor --json | jq '.[] | select(.state != \"ok\")'");
  doctor.callback([&] { status = cli::doctor(p.run, p.json); });
}

constexpr const char* kSummary =
    "Write the end's figures to this file as JSON; -: to standard output, as its last line";

void add_run(CLI::App& app, Parsed& p, int& status) {
  auto* run = app.add_subcommand("run", "Detect, and send alerts to the manager and the other outputs");
  add_agent_options(*run, p.run);
  run->add_flag("--json", p.run.json, "Falco-shaped JSON lines on standard output, and nothing else there");
  run->add_flag("--no-manager", p.run.no_manager, "Detect without a Wazuh manager");
  run->add_flag("--embedded-manager", p.run.embedded_manager,
                "Where no manager is configured: run one on loopback and print each alert as it decoded it");
  run->add_option("--manager", p.run.manager_host,
                  "Wazuh manager to enrol with and send to; replaces the configured ones");
  run->add_option(
      "--children-mounts", p.run.children_mounts,
      "Scripts and programs that it starts see the files of this mount namespace, such as /proc/1/ns/mnt: for a\n"
      "service manager that gives the agent a read-only system (docs/hardening.md)");
  run->callback([&] { status = cli::run(p.run); });

  auto* record = app.add_subcommand("record", "Write the kernel's events to a file, for replay elsewhere");
  add_agent_options(*record, p.run);
  record->add_option("file", p.run.record_to, "The file to write")->required();
  record->add_flag("--json", p.run.json, "Alerts as Falco-shaped JSON lines");
  record->add_option("--seconds", p.run.record_seconds, "Stop after so many seconds (default: at Ctrl-C)");
  record->add_option("--duration", p.run.record_duration, "The same as 90s, 10m or 2h");
  record->add_option("--size-mb", p.run.record_size_mb, "Stop when the file has so many MiB");
  record->add_option("--summary", p.run.summary_to, kSummary);
  record->footer(
      "The file has mode 0600: command lines may hold secrets. Beside an agent that runs, give this one its own\n"
      "--run-dir and --state-dir.\n"
      "Example:\n  sudo tiercel record today.rec --duration 10m --size-mb 500 > /dev/null\n"
      "  tiercel replay today.rec --rules my_rules.yaml");
  record->callback([&] {
    p.run.no_manager = true;
    status = cli::run(p.run);
  });

  auto* replay = app.add_subcommand("replay", "Judge a recording by the rules; needs no root");
  add_agent_options(*replay, p.run);
  replay->add_option("file", p.run.replay_from, "A file that `tiercel record` wrote")->required();
  replay->add_flag("--json", p.run.json, "Falco-shaped JSON lines");
  replay->add_option("--summary", p.run.summary_to, kSummary);
  replay->footer(
      "The end says how many alerts each rule made.\n"
      "Example:\n  tiercel replay today.rec --rules my_rules.yaml --json --summary figures.json > alerts.jsonl");
  replay->callback([&] {
    p.run.no_manager = true;
    status = cli::run(p.run);
  });
}

constexpr const char* kRuleFiles = "Rule files and folders (default: the installed ones)";
constexpr const char* kMachines = "For machines";

void add_rules_to_read(CLI::App& rules, Parsed& p, int& status) {
  auto* check =
      rules.add_subcommand("check", "Report every mistake in rule files, with its position; exit status 1 if any");
  check->add_option("files", p.files, "Rule files and folders, in order")->required();
  check->add_flag("--strict", p.strict, "Falco's verdict: nothing is bent into shape");
  check->add_flag("--json", p.json, kMachines);
  check->callback([&] { status = cli::rules_check(p.files, p.strict, p.json); });
  auto* list = rules.add_subcommand("list", "Names, priorities, ATT&CK, tags and places of the rules");
  list->add_option("files", p.list.rules.files, kRuleFiles);
  list->add_option("--tag,-t", p.list.tags, "Only rules with this tag; may be repeated: any of them");
  list->add_option("--priority,-p", p.list.priority, "Only rules of this priority or a more severe one");
  list->add_flag("--json", p.list.rules.json, kMachines);
  list->footer("Example:\n  tiercel rules list --priority error --tag container /etc/tiercel/rules.d");
  list->callback([&] { status = cli::rules_list(p.list); });
  auto* describe = rules.add_subcommand("describe", "What rules say: Falco's -L (all) and -l (one), and its JSON");
  describe->add_option("rule", p.about.rule, "One rule's name (without it: all rules, macros and lists)");
  describe->add_option("files", p.about.files, kRuleFiles);
  describe->add_flag("--json", p.about.json, "Falco's description: conditions taken apart, fields, operators, events");
  describe->footer(
      "Examples:\n  tiercel rules describe\n  tiercel rules describe --json my_rules.yaml\n"
      "  tiercel rules describe --json 'Reverse Shell' my_rules.yaml");
  describe->callback([&] { status = cli::rules_describe(p.about); });
  auto* explain =
      rules.add_subcommand("explain", "What became of a rule: condition written out, events, cost, program");
  explain->add_option("rule", p.about.rule, "Its name")->required();
  explain->add_option("files", p.about.files, kRuleFiles);
  explain->add_flag("--json", p.about.json, kMachines);
  explain->footer("Example:\n  tiercel rules explain 'Reverse Shell' /etc/tiercel/rules.d");
  explain->callback([&] { status = cli::rules_explain(p.about); });
}

void add_rules_to_try(CLI::App& rules, Parsed& p, int& status) {
  auto* test = rules.add_subcommand("test", "Try rules on cases that you write; exit status 1 if one fails");
  test->add_option("cases", p.test.cases, "Case files, and folders of them")->required();
  test->add_option("--rules,-r", p.test.rules, "Rule files and folders, instead of those that the case files name");
  test->add_flag("--verbose,-v", p.test.verbose, "Tell of the cases that passed, too");
  test->add_flag("--json", p.test.json, kMachines);
  test->add_option("--junit", p.test.junit, "Write the results to this file as JUnit XML, for CI");
  test->footer(
      "Example, a file shells.yaml:\n"
      "  rules: [my_rules.yaml]\n"
      "  cases:\n"
      "    - name: an interactive shell in a container\n"
      "      process: {cmdline: bash -i, container: web, user: www-data}\n"
      "      event: execve\n"
      "      expect: [Reverse Shell]\n"
      "    - name: reading a file is no shell\n"
      "      process: {cmdline: cat /etc/passwd}\n"
      "      event: {openat: {name: /etc/passwd, flags: O_RDONLY}}\n"
      "      expect: []\n"
      "and then:\n"
      "  tiercel rules test shells.yaml\n"
      "Every key is in docs/rule-tests.md; `tiercel events` lists the events and their parameters.");
  test->callback([&] { status = cli::rules_test(p.test); });
  auto* why = rules.add_subcommand("why", "Why a rule did or did not match one event, comparison by comparison");
  why->add_option("event", p.why.event,
                  "RECORDING:NUMBER (evt.num), RECORDING (its nearest event), or CASEFILE#NAME OF A CASE")
      ->required();
  why->add_option("rule", p.why.rules.rule, "The rule's name")->required();
  why->add_option("files", p.why.rules.files,
                  "Rule files and folders (default: those of the case file, else the installed ones)");
  why->add_flag("--all,-a", p.why.all, "Show every comparison, none folded or cut");
  why->add_flag("--json", p.why.rules.json, kMachines);
  why->footer(
      "Examples:\n  tiercel record today.rec --seconds 60\n"
      "  tiercel rules why today.rec:4711 'Reverse Shell' my_rules.yaml\n"
      "  tiercel rules why 'shells.yaml#an interactive shell in a container' 'Reverse Shell'");
  why->callback([&] { status = cli::rules_why(p.why); });
}

void add_rules_case(CLI::App& rules, Parsed& p, int& status) {
  auto* made = rules.add_subcommand("case", "Write a recorded event as a case for `tiercel rules test`");
  made->add_option("recording", p.made.recording, "A file that `tiercel record` wrote")->required();
  made->add_option("files", p.made.rules.files, kRuleFiles);
  made->add_option("--rule", p.made.rules.rule, "The rule that the case is about: the first event for which it fires");
  made->add_option("--event", p.made.event,
                   "The event with this evt.num instead; without --rule, all rules that match");
  made->add_flag("--nearest", p.made.nearest,
                 "If the rule never fires: the event for which it comes nearest, as a case that stays silent");
  made->add_option("--where", p.made.where, "Only events for which this condition holds, such as 'container.name=web'");
  made->add_option("--name", p.made.name, "The case's name (default: the event and its process)");
  made->footer(
      "The case has what the rule's condition, exceptions and output ask for, and nothing more: no other variables of\n"
      "the environment, no numbers of processes. It is tried before it is printed: as a case, the event gets the\n"
      "verdict that it got live. If that cannot be, the command says which comparison is to blame and fails.\n"
      "Examples:\n  tiercel record attack.rec --seconds 60\n"
      "  tiercel rules case attack.rec --rule 'Reverse Shell' my_rules.yaml > reverse_shell_cases.yaml\n"
      "  tiercel rules test reverse_shell_cases.yaml\n"
      "  tiercel rules case quiet.rec --rule 'Reverse Shell' --nearest --where 'container.name=web' my_rules.yaml");
  made->callback([&] { status = cli::rules_case(p.made); });
}

void add_rules_export(CLI::App& rules, Parsed& p, int& status) {
  auto* all = rules.add_subcommand("export", "What others need to know of the rules");
  all->require_subcommand(1);
  auto* wazuh4 = all->add_subcommand("wazuh4", "Rules for a Wazuh 4.x manager, and what goes with them");
  wazuh4->add_option("files", p.exported.rules.files, kRuleFiles);
  wazuh4->add_option("--output,-o", p.exported.output, "The file to write (default: standard output)");
  wazuh4
      ->add_option(
          "--part,-P", p.exported.part,
          "rules: one for each detection. sums: for what only a count shows, in a file that the manager reads\n"
          "after the rules. responses: commands and active responses for ossec.conf, all of them off")
      ->check(CLI::IsMember({"rules", "sums", "responses"}))
      ->capture_default_str();
  wazuh4->add_option("--ids,-i", p.exported.ids, "Detections keep the ids of this file (default: those of --output)");
  wazuh4->add_option("--base,-b", p.exported.base, "Ids begin 100 after it (default: 110000); a multiple of 1000");
  wazuh4->add_option("--parents,-p", p.exported.parents, "The id of tiercel_rules.xml's first rule (default: 110000)");
  wazuh4->footer(
      "Techniques that the ATT&CK version of Wazuh 4.14 (13.1) lacks are written as what they are part of, and named.\n"
      "Examples:\n  tiercel rules export wazuh4 --base 111000 -o tiercel_site_rules.xml my_rules.yaml\n"
      "  tiercel rules export wazuh4 --part responses --ids /var/ossec/etc/rules/tiercel_shipped_rules.xml");
  wazuh4->callback([&] { status = cli::rules_export_wazuh4(p.exported); });

  auto* wazuh5 = all->add_subcommand("wazuh5", "PREVIEW: rules for Wazuh 5.x, Sigma's form over the Common Schema");
  wazuh5->add_option("files", p.exported.rules.files, kRuleFiles);
  wazuh5->add_option("--output,-o", p.exported.output, "The file to write (default: standard output)");
  wazuh5->footer(
      "A YAML document for each rule; docs/wazuh-5.md tells how to load them, with the decoder that they need.\n"
      "Write rules of your own together with the others: the last one is for alerts of rules that are not in the "
      "file.\n"
      "Example:\n  tiercel rules export wazuh5 -o tiercel_rules.yml rules my_rules.yaml");
  wazuh5->callback([&] { status = cli::rules_export_wazuh5(p.exported); });
}

void add_rules_coverage(CLI::App& rules, Parsed& p, int& status) {
  auto* coverage = rules.add_subcommand("coverage", "Which techniques of MITRE ATT&CK the rules name, by tactic");
  coverage->add_option("files", p.coverage.rules.files, kRuleFiles);
  coverage
      ->add_option("--format", p.coverage.format,
                   "text, markdown, json, svg, or navigator: a layer to open in the ATT&CK Navigator")
      ->check(CLI::IsMember({"text", "markdown", "json", "svg", "navigator"}))
      ->capture_default_str();
  coverage->add_option("--output,-o", p.coverage.output, "The file to write (default: standard output)");
  coverage->add_flag("--json", p.coverage.rules.json, "For machines: --format json");
  coverage->footer("Example:\n  tiercel rules coverage --format navigator -o layer.json my_rules.yaml");
  coverage->callback([&] { status = cli::rules_coverage(p.coverage); });
}

void add_rules_reload(CLI::App& rules, Parsed& p, int& status) {
  auto* reload = rules.add_subcommand(
      "reload",
      "Make the running agent read its configuration and rules again, and wait for the result. The rules that run "
      "stay\n"
      "if the new ones have a mistake; exit status 1 then. The same without the result: kill -HUP PID. Changed files\n"
      "are read by themselves (watch_config_files).");
  reload->add_option("--run-dir", p.run_dir, "Where the agent's control socket is")->capture_default_str();
  reload->add_flag("--json", p.json, kMachines);
  reload->callback([&] { status = cli::rules_reload(p.run_dir, p.json); });
}

void add_rules(CLI::App& app, Parsed& p, int& status) {
  auto* rules = app.add_subcommand("rules", "Check, list, explain, test and reload rules");
  rules->require_subcommand(1);
  add_rules_to_read(*rules, p, status);
  add_rules_to_try(*rules, p, status);
  add_rules_case(*rules, p, status);
  add_rules_export(*rules, p, status);
  add_rules_coverage(*rules, p, status);
  add_rules_reload(*rules, p, status);
}

void add_reference(CLI::App& app, Parsed& p, int& status) {
  for (const auto& [page, what] :
       {std::pair("fields", "Every field that a rule may name"),
        std::pair("events", "Every event type and its parameters"),
        std::pair("operators", "Operators, modifiers and transformers, and the types that allow them"),
        std::pair("codes", "Error and warning codes about rules"),
        std::pair("evasions", "What was published against sensors like this one, and what becomes of it here")}) {
    auto* command = app.add_subcommand(page, what);
    command->add_option("--format", p.format, "text, markdown or json")
        ->check(CLI::IsMember({"text", "markdown", "json"}))
        ->capture_default_str();
    command->add_flag("--json", p.json, "For machines: --format json");
    command->callback([&p, &status, page = page] { status = cli::reference(page, p.json ? "json" : p.format); });
  }
  auto* doctor = app.add_subcommand("doctor", "What this host offers and lacks, each with the way out");
  add_doctor(*doctor, p, status);
}

void add_outputs(CLI::App& app, Parsed& p, int& status) {
  auto* outputs = app.add_subcommand("outputs", "Where alerts go: list the outputs, and try them");
  outputs->require_subcommand(1);
  const auto common = [&p](CLI::App* command) {
    command->add_option("--config,-c", p.outputs.config_file,
                        "Configuration file (default: /etc/tiercel/tiercel.yaml)");
    command->add_flag("--json", p.outputs.json, kMachines);
  };
  auto* list = outputs->add_subcommand("list", "Names, types, priorities and places; never a secret");
  common(list);
  list->callback([&] { status = cli::outputs_list(p.outputs.config_file, p.outputs.json); });
  auto* test = outputs->add_subcommand(
      "test",
      "Send an alert that says that it is a test by one output, or by each, from this process and without the agent,\n"
      "and say what the other side answered; exit status 1 if it was not taken. Conditions are not asked.");
  common(test);
  test->add_option("name", p.outputs.name, "The output's name, as `tiercel outputs list` has it (default: all)");
  test->add_option("--timeout-s", p.outputs.timeout_s, "How long to wait for an answer")->capture_default_str();
  test->footer("Example:\n  tiercel outputs test slack");
  test->callback([&] { status = cli::outputs_test(p.outputs); });
}

void add_manager_habits(CLI::App& dev, Parsed& p) {
  dev.add_option("--protocol", p.dev.protocol, "How agents reach it")
      ->check(CLI::IsMember({"tcp", "udp", "both"}))
      ->capture_default_str();
  dev.add_option("--version", p.dev.version, "Its own version: agents above its major.minor are refused")
      ->capture_default_str();
  dev.add_option("--groups", p.dev.groups, "Groups that exist, comma separated (default: every one)");
  dev.add_option("--tls", p.dev.tls, "The TLS version of the enrolment")
      ->check(CLI::IsMember({"any", "1.2", "1.3"}))
      ->capture_default_str();
  dev.add_option("--client-ca", p.dev.client_ca, "Agents must show a certificate from this CA (PEM) to enrol");
  dev.add_option("--key-update-ms", p.dev.key_update_ms, "Until a new key is known to the receiver")
      ->capture_default_str();
  dev.add_option("--stall-ms", p.dev.stall_ms, "A worker sleeps up to so long before some frames; 0: never")
      ->capture_default_str();
  dev.add_option("--frames-per-s", p.dev.frames_per_s, "Reads no faster than that; 0: as fast as it can")
      ->capture_default_str();
  dev.add_option("--udp-loss", p.dev.udp_loss, "So many of a hundred datagrams are lost, in each direction")
      ->capture_default_str();
}

void add_manager(CLI::App& app, Parsed& p, int& status) {
  auto* dev =
      app.add_subcommand("dev-manager", "A stand-in for a Wazuh manager, on loopback only, for development and tests");
  dev->add_option("--dir", p.dev.dir, "Where its keys and certificate are kept (default: a temporary folder)");
  dev->add_option("--port", p.dev.port, "Port for agents")->capture_default_str();
  dev->add_option("--enrol-port", p.dev.enrol_port, "Port for enrolment")->capture_default_str();
  dev->add_option("--password-file", p.dev.password_file, "Enrolment password, on the file's first line");
  dev->add_option("--shared", p.dev.shared_folder,
                  "A group's folder: its files are pushed to the agents, again when they change");
  dev->add_option("--workers", p.dev.workers, "Threads that take events, as the real receiver has")
      ->capture_default_str();
  dev->add_option("--queue", p.dev.queue, "Events that wait; what comes beyond is dropped silently")
      ->capture_default_str();
  dev->add_flag("--unfriendly", p.dev.unfriendly, "Stall longer and cut its frames in two, as a busy receiver does");
  add_manager_habits(*dev, p);
  dev->add_flag("--json", p.dev.json, "JSON lines");
  dev->footer(
      "Lines on standard input:\n"
      "  ar [ID] JSON                   an active response, to one agent or to all\n"
      "  push FILE                      a shared file\n"
      "  request [ID] TARGET PAYLOAD    a request: `request agent getstate`, `request agent getconfig client`\n"
      "  reconnect [ID]                 asks for a reconnect\n"
      "  stats | agents | quit\n"
      "Examples:\n"
      "  tiercel dev-manager --protocol udp --udp-loss 5        an old manager on a bad network\n"
      "  tiercel dev-manager --version v4.9.0                   an older manager: refuses a newer agent's version\n"
      "  tiercel dev-manager --frames-per-s 200                 one that reads slowly: it pushes back\n"
      "  tiercel dev-manager --tls 1.2 --client-ca agents.pem   enrolment with client certificates\n"
      "  tiercel dev-manager --key-update-ms 86400000           one that never learns of a new key");
  dev->callback([&] { status = cli::dev_manager(p.dev); });
  auto* enroll = app.add_subcommand("enroll", "Make this host an agent of a Wazuh manager");
  enroll->add_option("--manager", p.enroll.manager, "The manager's name or address; several, comma separated")
      ->envname("WAZUH_MANAGER")
      ->required();
  enroll->add_option("--port", p.enroll.port, "Its enrolment port")->capture_default_str();
  enroll->add_option("--name", p.enroll.name, "The agent's name (default: the host's)")->envname("WAZUH_AGENT_NAME");
  enroll->add_option("--groups", p.enroll.groups, "Groups, comma separated")->envname("WAZUH_AGENT_GROUP");
  enroll->add_option(
      "--password-file", p.enroll.password_file,
      "Enrolment password, on the file's first line (or WAZUH_REGISTRATION_PASSWORD in the environment)");
  enroll->add_option("--ca", p.enroll.ca_file, "CA certificate that the manager's must be signed by");
  enroll->add_option("--certificate", p.enroll.certificate, "Client certificate (PEM), for managers that ask for one");
  enroll->add_option("--key", p.enroll.key, "Its private key (PEM)");
  enroll->add_option("--ip", p.enroll.ip, "The address that the manager ties the key to: src, any, or an address");
  enroll->add_option("--keys", p.enroll.keys_file,
                     "Write the key there, and nothing else (default: /var/lib/tiercel/client.keys)");
  enroll->add_option(
      "--config", p.enroll.config_file,
      "The agent's configuration: enrolment.yaml beside it is written (default: /etc/tiercel/tiercel.yaml)");
  enroll->add_flag("--later", p.enroll.later, "Ask nobody now: the agent enrols when it starts");
  enroll->footer(
      "The manager is kept in enrolment.yaml, the password (mode 0600) in enrolment.pass, both beside tiercel.yaml, "
      "whose\n"
      "own words count more. An agent that systemd runs is restarted.\n"
      "Examples:\n"
      "  tiercel enroll --manager wazuh.example.com --groups web,linux\n"
      "  WAZUH_MANAGER=10.0.0.2 WAZUH_AGENT_GROUP=web tiercel enroll --later     before the host has its network");
  enroll->callback([&] { status = cli::enroll(p.enroll); });
}

void add_response(CLI::App& app, Parsed& p, int& status) {
  auto* response = app.add_subcommand(
      "response",
      "Active response: what a manager may have done on this host. The scripts speak execd's protocol: one line of\n"
      "JSON on standard input; where they ask check_keys on standard output, a second line. docs/active-response.md");
  response->require_subcommand(1);
  for (const response::ShippedScript& script : response::shipped_scripts()) {
    const std::string name(script.name);
    auto* command = response->add_subcommand(name, std::string(script.what));
    command->callback([&status, name] { status = cli::response(name); });
  }
  auto* install = response->add_subcommand("install", "Write the scripts into active-response/bin");
  install->add_option("--home", p.home, "The agent's active_response.home (default: /var/lib/tiercel)");
  install->add_option(
      "--wazuh-agent", p.stock_agent,
      "Where a stock wazuh-agent lives (/var/ossec): installs there what it lacks, for its execd to run");
  install->callback([&] { status = cli::response_install(p.home, p.stock_agent); });
  response->footer(
      "Examples:\n  sudo tiercel response install\n"
      "  A='{\"version\":1,\"command\":\"add\",\"parameters\":{\"alert\":{\"data\":{\"srcip\":\"192.0.2.7\"}}}}'\n"
      "  (echo \"$A\"; echo \"$A\" | sed s/add/continue/) | sudo tiercel response firewall-drop\n"
      "  echo \"$A\" | sed s/add/delete/ | sudo tiercel response firewall-drop\n"
      "Exit status: 0 done, 1 refused or failed; the last line on standard output says why.");
}

void add_respond(CLI::App& app, Parsed& p, int& status) {
  auto* respond = app.add_subcommand(
      "respond",
      "Local responses: what rules with an action: did on this host, what can be undone, and what they may do.\n"
      "Asks the running agent. docs/responses.md, docs/response-rules.md");
  respond->require_subcommand(1);
  auto* list = respond->add_subcommand("list", "What is in effect and can be undone, what was done, budgets");
  auto* rules =
      respond->add_subcommand("rules", "Each response rule that runs: its action, budget and where it is decided");
  auto* undo = respond->add_subcommand(
      "undo",
      "Undo what is in effect, and wait for it: let go on what is suspended, join a network again, unblock an\n"
      "address, put a file back. Exit status 1: it could not be undone, and the text says why");
  undo->add_option("id", p.id, "Its id, as `respond list` has it; all: everything")->required();
  for (CLI::App* command : {list, rules, undo}) {
    command->add_option("--run-dir", p.run_dir, "Where the agent's control socket is")->capture_default_str();
    command->add_flag("--json", p.json, kMachines);
  }
  list->callback([&] { status = cli::respond_list(p.run_dir, p.json); });
  rules->callback([&] { status = cli::respond_rules(p.run_dir, p.json); });
  undo->callback([&] { status = cli::respond_undo(p.run_dir, p.id, p.json); });
  respond->footer(
      "Examples:\n  sudo tiercel respond list\n  sudo tiercel respond undo 692951a3-1\n"
      "  sudo tiercel respond undo all        before the agent is removed");
}

}  // namespace

int main(int argc, char** argv) {
  // Falco's flags are Falco's: agent/cli/falco_flags.cpp has their table.
  if (argc > 1 && std::string_view(argv[1]) == "falco") return cli::falco({argv + 2, argv + argc});
  CLI::App app(
      "Tiercel sees what runs on this host, judges it by Falco-language rules, and tells a Wazuh manager.\n"
      "Start here: `sudo tiercel doctor`, then `sudo tiercel run --no-manager --rules FOLDER`.");
  app.set_version_flag("--version", std::string("tiercel ") + kVersion);
  app.require_subcommand(1);
  Parsed parsed;
  int status = 0;
  add_run(app, parsed, status);
  add_rules(app, parsed, status);
  add_reference(app, parsed, status);
  add_manager(app, parsed, status);
  cli::add_look_commands(app, status);
  add_outputs(app, parsed, status);
  cli::add_alerts(app, status);
  cli::add_report(app, status);
  add_response(app, parsed, status);
  add_respond(app, parsed, status);
  app.add_subcommand("falco", "Falco's command line and falco.yaml: see `tiercel falco --help`");
  cli::add_help_commands(app, status);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(Fault::kUser);
  }
  return status;
}
