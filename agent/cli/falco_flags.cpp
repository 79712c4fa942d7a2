#include "agent/cli/falco_flags.h"

#include <charconv>
#include <iterator>
#include <string_view>

#include "agent/config/text.h"

namespace tiercel::cli {
namespace {

enum class Value { kNone, kNeeded, kOptional };  // kOptional: only as --flag=value

using Text = const std::string&;

struct Flag {
  char letter;  // 0: none
  std::string_view word;
  Value value;
  std::string_view value_name;
  std::string (*apply)(FalcoArgs& args, Text value);  // an error message, or ""
  std::string_view help;
  std::string_view instead;  // of a flag that Falco removed: what took its place
};

std::string no_driver(FalcoArgs&, Text) {
  return "Falco removed it; use -o engine.kind=modern_ebpf, or -o engine.kind=replay with a recording";
}
std::string no_gvisor(FalcoArgs&, Text) {
  return "Falco removed the gVisor engine, and tiercel has none: it watches the host's kernel";
}
std::string nothing(FalcoArgs&, Text) {
  return {};
}

std::string seconds(FalcoArgs& args, Text value) {
  const char* end = value.data() + value.size();
  const auto [stopped, code] = std::from_chars(value.data(), end, args.stop_after_s);
  return code != std::errc() || stopped != end ? "'" + value + "' is no number of seconds" : "";
}

std::string print(FalcoArgs& args, Text value) {
  args.warnings.emplace_back("-p is deprecated: write -o 'append_output[]={\"extra_output\": \"TEXT\"}'");
  for (std::string_view word : {"c", "container", "k", "kubernetes", "m", "mesos"})
    if (value == word) return {};  // what they added is suggested_output today
  args.prints.push_back(value);
  return {};
}

std::string format(FalcoArgs& args, Text value) {
  if (value != "text" && value != "markdown" && value != "json")
    return "takes text, markdown or json, not '" + value + "'";
  args.format = value;
  return {};
}

template <bool FalcoArgs::*member>
std::string set(FalcoArgs& args, Text) {
  args.*member = true;
  return {};
}
template <std::string FalcoArgs::*member>
std::string text(FalcoArgs& args, Text value) {
  args.*member = value;
  return {};
}
template <std::optional<std::string> FalcoArgs::*member>
std::string optional(FalcoArgs& args, Text value) {
  args.*member = value;
  return {};
}
template <std::vector<std::string> FalcoArgs::*member>
std::string add(FalcoArgs& args, Text value) {
  (args.*member).push_back(value);
  return {};
}

constexpr Flag kFlags[] = {
    {'h', "help", Value::kNone, "", set<&FalcoArgs::help>, "Print this page", ""},
    {'c', "", Value::kNeeded, "FILE", text<&FalcoArgs::config_file>,
     "Falco's configuration (default: /etc/falco/falco.yaml)", ""},
    {0, "tiercel-config", Value::kNeeded, "FILE", text<&FalcoArgs::tiercel_config>,
     "Tiercel's own, for the Wazuh manager, the sensor and folders (default: /etc/tiercel/tiercel.yaml if it is there)",
     ""},
    {'r', "", Value::kNeeded, "FILE", add<&FalcoArgs::rules>,
     "Rule file or folder instead of rules_files; may be repeated", ""},
    {'o', "option", Value::kNeeded, "KEY=VALUE", add<&FalcoArgs::options>,
     "Set a key: a.b=c, list[0]=x, list[]=x for a new entry, list[]={json}; may be repeated", ""},
    {'V', "validate", Value::kNeeded, "FILE", add<&FalcoArgs::validate>,
     "Check rule files in this order, with Falco's verdict; exit status 1 if one is invalid", ""},
    {0, "dry-run", Value::kNone, "", set<&FalcoArgs::dry_run>, "Load everything, with Falco's verdict, and stop", ""},
    {'L', "", Value::kNone, "", set<&FalcoArgs::describe_all>,
     "Name and description of all rules; details if json_output is true", ""},
    {'l', "", Value::kNeeded, "RULE", optional<&FalcoArgs::describe_rule>, "The same of one rule", ""},
    {0, "list", Value::kOptional, "SOURCE", optional<&FalcoArgs::list_source>, "Every field that a rule may name", ""},
    {'N', "", Value::kNone, "", set<&FalcoArgs::names_only>, "With --list: names only", ""},
    {0, "list-events", Value::kNone, "", set<&FalcoArgs::list_events>, "Every event type and its parameters", ""},
    {0, "format", Value::kNeeded, "FORMAT", format, "Of the lists: text, markdown or json", ""},
    {0, "markdown", Value::kNone, "", set<&FalcoArgs::markdown>, "The same as --format markdown; deprecated", ""},
    {0, "list-keys", Value::kNone, "", set<&FalcoArgs::list_keys>,
     "Every key of falco.yaml, and what becomes of it here", ""},
    {'i', "", Value::kNone, "", set<&FalcoArgs::ignored_calls>, "The system calls that are ignored by default", ""},
    {0, "list-plugins", Value::kNone, "", set<&FalcoArgs::list_plugins>, "What stands for Falco's plugins here", ""},
    {0, "plugin-info", Value::kNeeded, "NAME", text<&FalcoArgs::plugin_info>, "About one of them", ""},
    {0, "enable-source", Value::kNeeded, "SOURCE", add<&FalcoArgs::enable_sources>,
     "Only this event source; there is one: syscall", ""},
    {0, "disable-source", Value::kNeeded, "SOURCE", add<&FalcoArgs::disable_sources>, "Not this event source", ""},
    {'M', "", Value::kNeeded, "SECONDS", seconds, "Stop after so many seconds", ""},
    {'P', "pidfile", Value::kNeeded, "FILE", text<&FalcoArgs::pidfile>, "Write the process id there", ""},
    {'p', "print", Value::kNeeded, "TEXT", print, "Add text to every output; deprecated", ""},
    {'U', "unbuffered", Value::kNone, "", nothing, "Nothing: every line is written at once anyway", ""},
    {'v', "", Value::kNone, "", set<&FalcoArgs::verbose>, "Say more: warnings of -V, the agent's debug log", ""},
    {0, "support", Value::kNone, "", set<&FalcoArgs::support>,
     "Version, configuration without secrets, rule files and host, as JSON", ""},
    {0, "config-schema", Value::kNone, "", set<&FalcoArgs::config_schema>, "A JSON schema of falco.yaml", ""},
    {0, "rule-schema", Value::kNone, "", set<&FalcoArgs::rule_schema>, "Not supported: use -V FILE", ""},
    {0, "version", Value::kNone, "", set<&FalcoArgs::version>, "Versions; as JSON if json_output is true", ""},
    {0, "page-size", Value::kNone, "", set<&FalcoArgs::page_size>, "The size of a memory page", ""},
    // What Falco removed.
    {'A', "", Value::kNone, "",
     [](FalcoArgs& a, Text) {
       a.options.emplace_back("base_syscalls.all=true");
       return std::string();
     },
     "", "-o base_syscalls.all=true"},
    {'b', "print-base64", Value::kNone, "",
     [](FalcoArgs& a, Text) {
       a.options.emplace_back("buffer_format_base64=true");
       return std::string();
     },
     "", "-o buffer_format_base64=true"},
    {'D', "", Value::kNeeded, "SUBSTRING", add<&FalcoArgs::disabled_rules>, "",
     "-o 'rules[].disable.rule=*SUBSTRING*'"},
    {'T', "", Value::kNeeded, "TAG", add<&FalcoArgs::disabled_tags>, "", "-o 'rules[].disable.tag=TAG'"},
    {'t', "", Value::kNeeded, "TAG", add<&FalcoArgs::enabled_tags>, "",
     "-o 'rules[].disable.rule=*' -o 'rules[].enable.tag=TAG'"},
    {'S', "snaplen", Value::kNeeded, "BYTES",
     [](FalcoArgs& a, Text v) {
       a.options.push_back("falco_libs.snaplen=" + v);
       return std::string();
     },
     "", "-o falco_libs.snaplen=BYTES"},
    {'e', "", Value::kNeeded, "FILE",
     [](FalcoArgs& a, Text v) {
       a.options.emplace_back("engine.kind=replay");
       a.options.push_back("engine.replay.capture_file=" + v);
       return std::string();
     },
     "", "-o engine.kind=replay -o engine.replay.capture_file=FILE"},
    {0, "modern-bpf", Value::kNone, "",
     [](FalcoArgs& a, Text) {
       a.options.emplace_back("engine.kind=modern_ebpf");
       return std::string();
     },
     "", "-o engine.kind=modern_ebpf"},
    {0, "list-syscall-events", Value::kNone, "", set<&FalcoArgs::list_events>, "", "--list-events"},
    {0, "nodriver", Value::kNone, "", no_driver, "", "refused"},
    {'u', "userspace", Value::kNone, "", no_driver, "", "refused"},
    {'g', "gvisor-config", Value::kNeeded, "FILE", no_gvisor, "", "refused"},
    {0, "gvisor-generate-config", Value::kOptional, "SOCKET", no_gvisor, "", "refused"},
    {0, "gvisor-root", Value::kNeeded, "DIR", no_gvisor, "", "refused"},
    {'d', "daemon", Value::kNone, "",
     [](FalcoArgs&, Text) { return std::string("Falco removed it: let systemd (or `&`) keep the agent"); }, "",
     "refused"},
    {'s', "", Value::kNeeded, "FILE", nothing, "", "nothing; `tiercel status --json` tells the counters"},
    {0, "stats-interval", Value::kNeeded, "MS", nothing, "", "nothing; `tiercel status --json` tells the counters"},
    {0, "cri", Value::kNeeded, "PATH", nothing, "", "nothing; containers are told by their cgroups"},
    {0, "disable-cri-async", Value::kNone, "", nothing, "", "nothing; containers are told by their cgroups"},
    {'k', "k8s-api", Value::kNeeded, "URL", nothing, "", "nothing; Falco removed it too"},
    {'K', "k8s-api-cert", Value::kNeeded, "FILES", nothing, "", "nothing; Falco removed it too"},
    {0, "k8s-node", Value::kNeeded, "NAME", nothing, "", "nothing; Falco removed it too"},
};

std::string name_of(const Flag& flag) {
  return flag.letter != 0 ? std::string("-") + flag.letter : "--" + std::string(flag.word);
}

std::string usage_of(const Flag& flag) {
  std::string out;
  if (flag.letter != 0) out += std::string("-") + flag.letter;
  if (flag.letter != 0 && !flag.word.empty()) out += ", ";
  if (!flag.word.empty()) out += "--" + std::string(flag.word);
  if (flag.value == Value::kNeeded) out += " " + std::string(flag.value_name);
  if (flag.value == Value::kOptional) out += "[=" + std::string(flag.value_name) + "]";
  return out;
}

class Parser {
 public:
  explicit Parser(const std::vector<std::string>& words) : words_(words) {}

  Result<FalcoArgs> run() {
    while (error_.empty() && at_ < words_.size()) {
      const std::string& word = words_[at_++];
      if (word.starts_with("--") && word.size() > 2)
        long_flag(word);
      else if (word.starts_with('-') && word.size() > 1 && word != "--")
        letters(word);
      else
        error_ = "'" + word + "' is no flag; rule files are named with -r FILE or -V FILE";
    }
    if (error_.empty()) together();
    if (!error_.empty()) return fail(error_ + "; `tiercel falco --help` lists the flags", Fault::kUser);
    return std::move(args_);
  }

 private:
  void long_flag(const std::string& word) {
    const size_t equals = word.find('=');
    const std::string name = word.substr(2, equals == std::string::npos ? equals : equals - 2);
    const Flag* found = nullptr;
    std::vector<std::string_view> names;
    for (const Flag& flag : kFlags) {
      if (!flag.word.empty()) names.push_back(flag.word);
      if (flag.word == name && !name.empty()) found = &flag;
    }
    if (found == nullptr) {
      const std::string_view near = config::nearest(name, names);
      error_ = "unknown flag --" + name + (near.empty() ? "" : ", did you mean --" + std::string(near) + "?");
    } else if (equals != std::string::npos && found->value == Value::kNone) {
      error_ = "--" + name + " takes no value";
    } else if (equals != std::string::npos) {
      use(*found, word.substr(equals + 1));
    } else {
      use_with_next(*found);
    }
  }

  // "-vU", "-pc", "-r FILE", "-rFILE"
  void letters(const std::string& word) {
    for (size_t i = 1; i < word.size() && error_.empty(); ++i) {
      const Flag* found = nullptr;
      for (const Flag& flag : kFlags)
        if (flag.letter == word[i]) found = &flag;
      if (found == nullptr) {
        error_ = std::string("unknown flag -") + word[i];
      } else if (found->value == Value::kNeeded && i + 1 < word.size()) {
        return use(*found, word.substr(i + 1));
      } else {
        use_with_next(*found);
      }
    }
  }

  void use_with_next(const Flag& flag) {
    if (flag.value != Value::kNeeded) return use(flag, {});
    if (at_ == words_.size()) {
      error_ = name_of(flag) + " needs a value: " + std::string(flag.value_name);
      return;
    }
    use(flag, words_[at_++]);
  }

  void use(const Flag& flag, const std::string& value) {
    const std::string message = flag.apply(args_, value);
    if (!message.empty())
      error_ = name_of(flag) + ": " + message;
    else if (!flag.instead.empty())
      args_.warnings.push_back("Falco removed " + name_of(flag) + ": write " + std::string(flag.instead));
  }

  void together() {
    if (args_.markdown && args_.format) {
      error_ = "--markdown and --format do not go together: write --format";
    } else if (!args_.enable_sources.empty() && !args_.disable_sources.empty()) {
      error_ = "--enable-source and --disable-source do not go together";
    } else if (!args_.enabled_tags.empty() && !(args_.disabled_rules.empty() && args_.disabled_tags.empty())) {
      error_ = "-t does not go together with -D or -T";
    }
    if (args_.markdown) {
      args_.format = "markdown";
      args_.warnings.emplace_back("--markdown is deprecated: write --format markdown");
    }
    sources();
  }

  // There is one source; turning it off leaves nothing.
  void sources() {
    for (const auto* list : {&args_.enable_sources, &args_.disable_sources})
      for (const std::string& source : *list)
        if (source != "syscall") error_ = "there is no event source '" + source + "': syscall is the only one";
    if (error_.empty() && !args_.disable_sources.empty())
      error_ = "all event sources are disabled: syscall is the only one";
  }

  const std::vector<std::string>& words_;
  size_t at_ = 0;
  FalcoArgs args_;
  std::string error_;
};

}  // namespace

Result<FalcoArgs> parse_falco_flags(const std::vector<std::string>& words) {
  return Parser(words).run();
}

std::string falco_help() {
  std::string out =
      "tiercel falco: Falco's command line over tiercel's agent\n"
      "usage: tiercel falco [flags]\n\n"
      "Without a flag that prints something it runs: it reads falco.yaml, watches the kernel, and tells what the\n"
      "rules find. Start here: `tiercel falco -V my_rules.yaml`, then `sudo tiercel falco -r my_rules.yaml`.\n\n";
  constexpr size_t kColumn = 32;
  for (const Flag& flag : kFlags) {
    if (!flag.instead.empty()) continue;
    std::string line = "  " + std::string(flag.letter == 0 ? "    " : "") + usage_of(flag);
    line.resize(std::max(kColumn, line.size() + 2), ' ');
    out += line + std::string(flag.help) + "\n";
  }
  out +=
      "\nFlags that Falco removed (-A -b -D -e -S -t -T ...) do what took their place, with a warning.\n"
      "Exit status: 0 fine, 1 a mistake in what was written, 2 the host lacks something.\n";
  return out;
}

std::vector<FalcoFlag> falco_flags() {
  std::vector<FalcoFlag> out;
  for (const Flag& flag : kFlags) {
    if (!flag.instead.empty()) continue;
    FalcoFlag& row = out.emplace_back();
    if (!flag.word.empty()) row.names.push_back("--" + std::string(flag.word));
    if (flag.letter != 0) row.names.push_back(std::string("-") + flag.letter);
    row.about = flag.help;
    row.takes_value = flag.value == Value::kNeeded;
  }
  return out;
}

std::string falco_flags_markdown() {
  std::string out = "| Flag | Here |\n|---|---|\n";
  for (const Flag& flag : kFlags) {
    out += "| `" + usage_of(flag) + "` | ";
    if (flag.instead.empty())
      out += std::string(flag.help);
    else if (flag.instead == "refused")
      out += "refused: Falco removed it";
    else if (flag.instead.starts_with("nothing"))
      out += "accepted, does " + std::string(flag.instead);
    else
      out += "deprecated: does `" + std::string(flag.instead) + "`";
    out += " |\n";
  }
  return out;
}

}  // namespace tiercel::cli
