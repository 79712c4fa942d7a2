#!/bin/bash
# `tiercel completions bash` in a real bash: what is offered at a place is what the command line has there. zsh and fish:
# that the shells take the scripts, where they are installed. usage: completions.sh TIERCEL
set -u
tiercel=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

fail() {
  echo "FAIL: $*"
  failures=$((failures + 1))
}

# What bash offers for the words given; the last one is the one to complete.
offered() {
  env -i PATH="$work:$PATH" bash --norc --noprofile -c '
    source "$1"
    shift
    COMP_WORDS=("$@")
    COMP_CWORD=$(($# - 1))
    _tiercel 2>&1
    printf "%s\n" "${COMPREPLY[@]}"
  ' bash "$work/completion" "$@"
}

has() {  # WORD : WORDS...
  wanted=$1
  shift 2
  offered "$@" | grep -qxF -- "$wanted" || fail "'$wanted' is not offered for: $*; offered: $(offered "$@" | tr '\n' ' ')"
}

has_not() {
  unwanted=$1
  shift 2
  offered "$@" | grep -qxF -- "$unwanted" && fail "'$unwanted' is offered for: $*"
}

cd "$work" || exit 1
ln -s "$tiercel" tiercel
touch a_file.yaml
"$tiercel" completions bash >completion || fail "completions bash"
bash -n completion || fail "bash does not take it"

# Each command of --help is offered, and each of its options.
"$tiercel" --help | sed -n '/^Subcommands:/,$ s/^  \([a-z-][a-z-]*\) .*/\1/p' >commands
[ "$(wc -l <commands)" -gt 10 ] || fail "--help lists no commands"
while read -r command; do has "$command" : tiercel "${command:0:1}"; done <commands
for option in $("$tiercel" rules list --help | grep -oE '^ +(-[a-z],)?--[a-z-]+' | grep -oE -- '--[a-z-]+'); do
  has "$option" : tiercel rules list --
done
has explain : tiercel rules ''
has_not check : tiercel outputs ''
has markdown : tiercel events --format m
has_not markdown : tiercel events --format j
has --format : tiercel events --format markdown --f
has_not run : tiercel events --format ''
has a_file.yaml : tiercel rules check a_
has a_file.yaml : tiercel run --config a_
has bash : tiercel completions b
has wazuh4 : tiercel rules export ''
has --validate : tiercel falco --v

# Names of rules come from the program, as one word of the shell: those of the installed rules, else of ./rules.
mkdir -p rules
printf -- '- rule: Two Words\n  desc: d\n  condition: evt.type = open\n  output: o\n  priority: NOTICE\n' >rules/own.yaml
name=$("$tiercel" completions --words rules | grep -m1 ' ')
[ -n "$name" ] || fail "no names of rules: $("$tiercel" completions --words rules)"
has "$(printf '%q' "$name")" : tiercel rules explain ''
has "$name" : tiercel rules explain "'${name:0:2}"
has "$(printf '%q' "$name")" : tiercel rules case x.rec --rule "${name:0:1}"

"$tiercel" completions zsh >_tiercel || fail "completions zsh"
"$tiercel" completions fish >tiercel.fish || fail "completions fish"
if command -v zsh >/dev/null; then zsh -n _tiercel || fail "zsh does not take it"; fi
if command -v fish >/dev/null; then fish --no-execute tiercel.fish || fail "fish does not take it"; fi
[ "$failures" = 0 ] && echo "completions: fine"
exit "$failures"
