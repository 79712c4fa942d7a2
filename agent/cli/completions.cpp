#include "agent/cli/completions.h"

#include <fmt/core.h>

#include <algorithm>
#include <functional>
#include <string_view>
#include <vector>

namespace tiercel::cli {
namespace {

// What may stand there: "rules" and "outputs" are asked for, "=a b" are words, "files" are files, "-" is nothing known.
std::string kind_of(const Argument& argument, const std::string& path) {
  if (!argument.words.empty()) {
    std::string words = "=";
    for (const std::string& word : argument.words) words += (words.size() > 1 ? " " : "") + word;
    return words;
  }
  const std::string name = argument.names.front().substr(argument.names.front().find_first_not_of('-'));
  if (name == "rule") return "rules";
  if (path == "tiercel outputs test" && name == "name") return "outputs";
  for (const std::string_view end : {"files", "file", "dir", "config", "rules", "path", "recording", "cases", "output",
                                     "ids", "junit", "keys", "ca", "certificate", "key", "home", "root", "shared"})
    if (name.ends_with(end)) return "files";
  return "-";
}

// Single quotes of a shell.
std::string quoted(std::string_view text) {
  std::string out = "'";
  for (char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

// Up to the end of the first sentence or line.
std::string brief(std::string_view text) {
  return std::string(text.substr(0, std::min(text.find('\n'), text.find(". "))));
}

void each(const Command& command, const std::string& path,
          const std::function<void(const Command&, const std::string&)>& what) {
  what(command, path);
  for (const Command& inner : command.commands) each(inner, path + " " + inner.name, what);
}

// The table that the scripts of bash and zsh share: of each path its commands, options, what options take, and what
// stands behind them.
std::string table(const Command& program) {
  std::string out;
  each(program, program.name, [&](const Command& command, const std::string& path) {
    std::string commands, options, values, places;
    for (const Command& inner : command.commands) commands += (commands.empty() ? "" : " ") + inner.name;
    for (const Argument& option : command.options) {
      for (const std::string& name : option.names) {
        options += (options.empty() ? "" : " ") + name;
        if (option.takes_value) values += name + "=" + kind_of(option, path) + "\n";
      }
    }
    for (const Argument& positional : command.positionals) places += kind_of(positional, path) + "\n";
    if (!values.empty()) values.pop_back();
    if (!places.empty()) places.pop_back();
    out += fmt::format("    {})\n      commands={}\n      options={}\n      values={}\n      places={} ;;\n",
                       quoted(path), quoted(commands), quoted(options), quoted(values), quoted(places));
  });
  return out;
}

// Both shells: $words are the words before the one to complete, without the program's name; sets commands, options,
// values, places, and `kind`, what the word is: "", or as kind_of() says.
constexpr std::string_view kWalk = R"sh(
_tiercel_value() {
  local line
  kind=''
  while read -r line; do
    [[ $line == "$1="* ]] && kind=${line#"$1="}
  done <<<"$values"
}
_tiercel_walk() {
  local at=tiercel word skip='' left=''
  kind=''
  _tiercel_table "$at"
  for word in "$@"; do
    if [ -n "$skip" ]; then
      skip=''
      kind=''
      continue
    fi
    case $word in
      -*=*) kind='' ;;
      -*)
        _tiercel_value "$word"
        [ -n "$kind" ] && skip=1 ;;
      *)
        kind=''
        case " $commands " in
          *" $word "*)
            at="$at $word"
            left=''
            _tiercel_table "$at" ;;
          *) left="$left+" ;;
        esac ;;
    esac
  done
  if [ -z "$skip" ]; then
    kind=$(printf '%s\n' "$places" | sed -n "$((${#left} + 1))p")
    [ -n "$kind" ] || kind=$(printf '%s\n' "$places" | sed -n '$p')
  else
    commands='' options=''
  fi
}
)sh";

std::string bash(const Command& program) {
  std::string out = "# bash completion of tiercel: `tiercel completions bash`\n_tiercel_table() {\n  case $1 in\n";
  out += table(program);
  out += "    *) commands='' options='' values='' places='' ;;\n  esac\n}\n";
  out += kWalk;
  out += R"sh(
_tiercel() {
  local IFS=$' \t\n' kind commands options values places i
  local current=${COMP_WORDS[COMP_CWORD]#=} words=()
  # bash makes three words of --option=value
  for ((i = 1; i < COMP_CWORD; i++)); do
    [[ ${COMP_WORDS[i]} == "=" ]] || words+=("${COMP_WORDS[i]}")
  done
  _tiercel_walk "${words[@]}"
  COMPREPLY=()
  if [[ $current == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
    return
  fi
  if [ -n "$commands" ]; then
    mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$current")
    return
  fi
  case $kind in
    =*) mapfile -t COMPREPLY < <(compgen -W "${kind#=}" -- "$current") ;;
    rules | outputs)
      # Names have blanks: each is offered as one word of the shell.
      local IFS=$'\n' name typed=${current#[\'\"]}
      while read -r name; do
        [[ $name == "$typed"* ]] || continue
        case $current in
          \'* | \"*) COMPREPLY+=("$name") ;;
          *) COMPREPLY+=("$(printf '%q' "$name")") ;;
        esac
      done < <("${COMP_WORDS[0]}" completions --words "$kind" 2>/dev/null)
      ;;
    files) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
  esac
}
complete -F _tiercel tiercel
)sh";
  return out;
}

std::string zsh(const Command& program) {
  std::string out =
      "#compdef tiercel\n# zsh completion of tiercel: `tiercel completions zsh`\n_tiercel_table() {\n  case $1 in\n";
  out += table(program);
  out += "    *) commands='' options='' values='' places='' ;;\n  esac\n}\n";
  out += kWalk;
  out += R"sh(
_tiercel() {
  local kind commands options values places
  _tiercel_walk "${(@)words[2,CURRENT-1]}"
  if [[ $PREFIX == -*=* ]]; then
    _tiercel_value "${PREFIX%%=*}"
    compset -P '*='
    commands=''
  elif [[ $PREFIX == -* ]]; then
    compadd -- ${=options}
    return
  fi
  if [[ -n $commands ]]; then
    compadd -- ${=commands}
  else
    case $kind in
      '='*) compadd -- ${=kind#=} ;;
      rules | outputs) compadd -- "${(@f)$(${words[1]} completions --words $kind 2>/dev/null)}" ;;
      files) _files ;;
    esac
  fi
}
if [[ $funcstack[1] == _tiercel ]]; then
  _tiercel "$@"
else
  compdef _tiercel tiercel
fi
)sh";
  return out;
}

// The words of a path have been typed, and none of its commands.
std::string fish_condition(const Command& command, const std::string& path) {
  std::string out;
  std::string_view rest = path;
  rest.remove_prefix(std::min(rest.size(), rest.find(' ')));
  while (!rest.empty()) {
    rest.remove_prefix(1);
    const std::string_view word = rest.substr(0, rest.find(' '));
    out += (out.empty() ? "" : "; and ") + fmt::format("__fish_seen_subcommand_from {}", word);
    rest.remove_prefix(word.size());
  }
  std::string inner;
  for (const Command& other : command.commands) inner += " " + other.name;
  if (!inner.empty()) out += (out.empty() ? "" : "; and ") + std::string("not __fish_seen_subcommand_from") + inner;
  return out;
}

std::string fish_values(const std::string& kind) {
  if (kind.starts_with('=')) return " -x -a " + quoted(kind.substr(1));
  if (kind == "files") return " -r -F";
  if (kind == "-") return " -x";
  return " -x -a " + quoted("(tiercel completions --words " + kind + " 2>/dev/null)");
}

std::string fish(const Command& program) {
  std::string out = "# fish completion of tiercel: `tiercel completions fish`\ncomplete -c tiercel -f\n";
  each(program, program.name, [&](const Command& command, const std::string& path) {
    const std::string condition = fish_condition(command, path);
    const std::string begin = "complete -c tiercel" + (condition.empty() ? "" : " -n " + quoted(condition));
    for (const Command& inner : command.commands)
      out += fmt::format("{} -a {} -d {}\n", begin, inner.name, quoted(brief(inner.about)));
    for (const Argument& option : command.options) {
      std::string line = begin;
      for (const std::string& name : option.names)
        line += (name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1));
      out += line + " -d " + quoted(brief(option.about)) +
             (option.takes_value ? fish_values(kind_of(option, path)) : "") + "\n";
    }
    for (const Argument& positional : command.positionals)
      if (const std::string kind = kind_of(positional, path); kind != "-") out += begin + fish_values(kind) + "\n";
  });
  return out;
}

}  // namespace

std::string completions_for(const Command& program, const std::string& shell) {
  if (shell == "zsh") return zsh(program);
  if (shell == "fish") return fish(program);
  return bash(program);
}

}  // namespace tiercel::cli
