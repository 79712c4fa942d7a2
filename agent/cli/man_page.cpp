#include "agent/cli/man_page.h"

#include <fmt/core.h>

#include <algorithm>
#include <string_view>

namespace tiercel::cli {
namespace {

// Others' text in roff: `code` becomes bold, no line begins a request. In a line that is kept as it is, marks stay.
std::string roff(std::string_view text, bool plain = false) {
  std::string out;
  bool bold = false;
  bool begins = true;
  for (char c : text) {
    if (begins && (c == '.' || c == '\'')) out += "\\&";
    begins = c == '\n';
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else if (c == '\'') {
      out += "\\(aq";
    } else if (c == '`' && !plain) {
      out += bold ? "\\fR" : "\\fB";
      bold = !bold;
    } else if (c == '`') {
      out += "\\(ga";
    } else {
      out += c;
    }
  }
  return out + (bold ? "\\fR" : "");
}

// A word of the command line: bold as a whole.
std::string strong(std::string_view text) {
  return "\\fB" + roff(text, true) + "\\fR";
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (char c : text) out += c == '"' ? std::string("\\(dq") : std::string(1, c);
  return out + "\"";
}

std::string upper(std::string_view text) {
  std::string out;
  for (unsigned char c : text) out += static_cast<char>(c == '-' ? '_' : std::toupper(c));
  return out;
}

std::string usage_of(const Argument& option) {
  std::string out;
  for (const std::string& name : option.names) out += (out.empty() ? "" : ", ") + strong(name);
  if (!option.takes_value) return out;
  if (option.words.empty()) {
    const size_t letter = option.names.front().find_first_not_of('-');
    return out + " \\fI" + roff(upper(option.names.front().substr(letter)), true) + "\\fR";
  }
  out += " ";
  for (size_t i = 0; i < option.words.size(); ++i) out += (i == 0 ? "" : "|") + roff(option.words[i], true);
  return out;
}

void put_arguments(std::string& out, const std::vector<Argument>& arguments, bool positional) {
  for (const Argument& argument : arguments) {
    if (argument.names.empty()) continue;
    if (std::find(argument.names.begin(), argument.names.end(), "--help") != argument.names.end()) continue;
    out += ".TP\n" + (positional ? "\\fI" + roff(argument.names.front(), true) + "\\fR" : usage_of(argument)) + "\n";
    out += roff(argument.about);
    if (!argument.fallback.empty() && argument.takes_value) out += " (default: " + roff(argument.fallback, true) + ")";
    out += "\n";
  }
}

void put_command(std::string& out, const Command& command, const std::string& before) {
  const std::string path = before + " " + command.name;
  if (command.commands.empty() || command.name == "falco") {
    std::string usage = roff(path, true);
    for (const Argument& argument : command.positionals) {
      const std::string name = roff(argument.names.front(), true) + (argument.many ? "..." : "");
      usage += argument.required ? " " + name : " [" + name + "]";
    }
    out += ".SS " + quoted(usage) + "\n" + roff(command.about) + "\n";
    put_arguments(out, command.positionals, true);
    put_arguments(out, command.options, false);
  } else {
    out += ".SS " + quoted(roff(path, true)) + "\n" + roff(command.about) + "\n";
  }
  if (!command.footer.empty()) out += ".PP\n.nf\n" + roff(command.footer, true) + "\n.fi\n";
  for (const Command& inner : command.commands) put_command(out, inner, path);
}

std::string head(const std::string& name, int section, const std::string& version, const std::string& what) {
  return fmt::format(
      ".\\\" Generated: `make docs` writes it again, and a test fails when it is out of date.\n"
      ".TH {} {} \"\" \"tiercel {}\" \"Tiercel\"\n.SH NAME\n{} \\- {}\n",
      upper(name), section, version, roff(name, true), what);
}

}  // namespace

std::string man_program(const Command& program, const std::string& version) {
  std::string out = head("tiercel", 8, version, "host agent: eBPF, rules in Falco's language, alerts to Wazuh");
  out += ".SH SYNOPSIS\n\\fBtiercel\\fR \\fICOMMAND\\fR [\\fIOPTION\\fR]...\n.br\n";
  out += "\\fBtiercel\\fR \\fICOMMAND\\fR \\fB\\-\\-help\\fR\n.SH DESCRIPTION\n" + roff(program.about) + "\n";
  out += ".SH OPTIONS\n";
  put_arguments(out, program.options, false);
  out += ".SH COMMANDS\n";
  for (const Command& command : program.commands) put_command(out, command, "tiercel");
  out +=
      ".SH EXIT STATUS\n.TP\n0\nFine.\n.TP\n1\nSomething that you wrote: a command line, a configuration, a rule.\n"
      ".TP\n2\nSomething that the host lacks, or that is not running.\n.TP\n3\nA bug.\n"
      ".SH SIGNALS\nOf \\fBtiercel run\\fR:\n.TP\nSIGHUP\nReads the configuration and the rules again.\n"
      ".TP\nSIGUSR1\nOpens the output files anew, for logrotate.\n.TP\nSIGINT, SIGTERM\nEnds it in order.\n"
      ".SH FILES\n.TP\n/etc/tiercel/tiercel.yaml\nThe configuration: \\fBtiercel.yaml\\fR(5).\n"
      ".TP\n/etc/tiercel/rules.d\nRules of your own.\n"
      ".TP\n/var/lib/tiercel\nKeys, alerts that wait, what responses can undo.\n"
      ".TP\n/var/log/tiercel\nAlerts as JSON lines.\n"
      ".TP\n/run/tiercel/tiercel.sock\nThe control socket.\n"
      ".SH SEE ALSO\n\\fBtiercel.yaml\\fR(5), \\fBjournalctl\\fR(1)\n";
  return out;
}

std::string man_configuration(const std::vector<config::KeyInfo>& keys, const Sections& sections,
                              const std::string& version) {
  std::string out = head("tiercel.yaml", 5, version, "configuration of tiercel(8)");
  out +=
      ".SH DESCRIPTION\nYAML, read from /etc/tiercel/tiercel.yaml. Every mistake is told at once, with its place: "
      "unknown keys (with the nearest known one), wrong types, values out of range, keys that are written twice. "
      "\\fBtiercel config check\\fR looks at a file without running.\n.PP\n"
      "${VARIABLE} in a value is replaced by the environment\\(aqs; $${VARIABLE} stands for the text itself.\n.PP\n"
      "A dot stands for a key inside of another, [] for each entry of a list. outputs[slack].config.priority is the "
      "key priority in the config of an entry of outputs with type: slack.\n";
  for (const KeyGroup& group : key_groups(keys, sections)) {
    const std::string title = group.part ? upper(group.title) : "outputs: type: " + group.title;
    out += (group.part ? ".SH " : ".SS ") + quoted(roff(title, true)) + "\n";
    if (!group.about.empty()) out += roff(group.about) + "\n";
    for (const config::KeyInfo& key : group.keys) {
      out += ".TP\n" + strong(key.path) + "\n" + roff(key.about) + "\n.br\n";
      out += roff(value_text(key), true);
      if (!key.fallback.empty()) out += "; default: " + roff(key.fallback, true);
      if (const std::string by_group = group_text(key); by_group == "yes") out += "; a group on the manager may set it";
      out += "\n";
    }
  }
  return out + ".SH SEE ALSO\n\\fBtiercel\\fR(8)\n";
}

}  // namespace tiercel::cli
