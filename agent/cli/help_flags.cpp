#include "agent/cli/help_flags.h"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <memory>
#include <string>

#include "agent/app.h"
#include "agent/cli/commands.h"
#include "agent/cli/completions.h"
#include "agent/cli/config.h"
#include "agent/cli/falco_flags.h"
#include "agent/cli/man_page.h"
#include "agent/cli/program_tree.h"
#include "agent/config/load.h"

namespace tiercel::cli {
namespace {

struct Args {
  std::string file, shell, words, page = "tiercel", format = "text";
  std::vector<std::string> topic;
  bool json = false;
};

void add_config(CLI::App& app, const std::shared_ptr<Args>& args, int& status) {
  auto* config = app.add_subcommand("config", "tiercel.yaml: check a file, list the keys");
  config->require_subcommand(1);
  auto* check = config->add_subcommand("check", "Report every mistake in a configuration; exit status 1 if any");
  check->add_option("file", args->file, "The file (default: /etc/tiercel/tiercel.yaml)");
  check->add_flag("--json", args->json, "For machines");
  check->footer("Example:\n  tiercel config check /etc/tiercel/tiercel.yaml");
  check->callback([args, &status] { status = config_check(args->file, args->json); });
  auto* keys = config->add_subcommand("keys", "Every key, what it may be, its default and what it is for");
  keys->add_option("--format", args->format,
                   "text, markdown, json-schema for editors, or yaml: the shipped file, each key with a comment")
      ->check(CLI::IsMember({"text", "markdown", "json-schema", "yaml"}))
      ->capture_default_str();
  keys->footer(
      "Examples:\n  tiercel config keys | grep rate\n  tiercel config keys --format yaml > /etc/tiercel/tiercel.yaml\n"
      "  tiercel config keys --format json-schema > tiercel.schema.json");
  keys->callback([args, &status] { status = config_keys(args->format); });
}

void add_completions(CLI::App& app, const std::shared_ptr<Args>& args, int& status) {
  auto* completions = app.add_subcommand("completions", "Completions for a shell, on standard output");
  completions->add_option("shell", args->shell, "bash, zsh or fish")->check(CLI::IsMember({"bash", "zsh", "fish"}));
  completions->add_option("--words", args->words, "What completions ask: names of rules or outputs, one a line")
      ->check(CLI::IsMember({"rules", "outputs"}));
  completions->footer(
      "Packages install them. By hand:\n"
      "  tiercel completions bash > /usr/share/bash-completion/completions/tiercel\n"
      "  tiercel completions zsh > /usr/share/zsh/vendor-completions/_tiercel\n"
      "  tiercel completions fish > /usr/share/fish/vendor_completions.d/tiercel.fish");
  completions->callback([&app, args, &status] {
    if (!args->words.empty()) {
      status = completion_words(args->words);
    } else if (args->shell.empty()) {
      status = report({"which shell? bash, zsh or fish", Fault::kUser});
    } else {
      std::fputs(completions_for(program_tree(app), args->shell).c_str(), stdout);
    }
  });
}

void add_help(CLI::App& app, const std::shared_ptr<Args>& args, int& status) {
  auto* help = app.add_subcommand("help", "Help about a command; the manual pages");
  help->add_option("command", args->topic, "As `tiercel help rules test`");
  help->add_option("--format", args->format, "text, or man: a manual page in roff")
      ->check(CLI::IsMember({"text", "man"}))
      ->capture_default_str();
  help->add_option("--page", args->page, "Of the manual: tiercel (8) or tiercel.yaml (5)")
      ->check(CLI::IsMember({"tiercel", "tiercel.yaml"}))
      ->capture_default_str();
  help->footer("Examples:\n  tiercel help rules why\n  tiercel help --format man --page tiercel.yaml | man -l -");
  help->callback([&app, args, &status] {
    if (args->format == "man") {
      const std::string page =
          args->page == "tiercel" ? man_program(program_tree(app), kVersion)
                                  : man_configuration(config::described_keys(), config::described_sections(), kVersion);
      std::fputs(page.c_str(), stdout);
      return;
    }
    const CLI::App* topic = &app;
    std::string path = "tiercel";
    for (const std::string& word : args->topic) {
      const auto named = topic->get_subcommands([&](const CLI::App* command) { return command->get_name() == word; });
      if (named.empty()) {
        status = report({"there is no command `" + path + " " + word + "`; `tiercel help` lists them", Fault::kUser});
        return;
      }
      topic = named.front();
      path += " " + word;
    }
    if (path == "tiercel falco") {
      std::fputs(falco_help().c_str(), stdout);
      return;
    }
    const size_t last = path.rfind(' ');
    std::fputs(topic->help(last == std::string::npos ? "" : path.substr(0, last)).c_str(), stdout);
  });
}

}  // namespace

void add_help_commands(CLI::App& app, int& status) {
  const auto args = std::make_shared<Args>();
  add_config(app, args, status);
  add_completions(app, args, status);
  add_help(app, args, status);
}

}  // namespace tiercel::cli
