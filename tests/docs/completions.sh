#!/bin/bash
# `tiercel completions` in real shells: what is offered at a place is what the command line has there. zsh and fish where
# they are installed; `make soak` wants them (packaging/dependencies.txt, section shells). usage: completions.sh TIERCEL
set -u
here=$(dirname "$(realpath "$0")")
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
has a_file.yaml : tiercel run --config = a_  # as bash cuts --config=a_
has --json : tiercel run --config = a_file.yaml --j
has markdown : tiercel events --format =
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


# The same places in the others: a line, and a word that is offered for its end.
zsh_offers() { zsh -f "$here/offered.zsh" "$work" "$1"; }
# shellcheck disable=SC2016
fish_offers() {
  env -i HOME="$work" PATH="$work:$PATH" fish --no-config -c 'set -g fish_complete_path $argv[1]; complete -C $argv[2]' \
    "$work" "$1" 2>&1 | cut -f 1
}
offers() {  # SHELL LINE WORD
  said=$("$1_offers" "$2")
  printf '%s\n' "$said" | grep -qxF -- "$3" || fail "$1: '$3' is not offered for: $2; offered: $said"
  ! printf '%s\n' "$said" | grep -q '^it says' || fail "$1: $said"
}
shells=bash
for shell in zsh fish; do
  if ! command -v $shell >/dev/null; then
    [ -z "${TIERCEL_SOAK:-}" ] || fail "$shell is not installed: packaging/install-dependencies.sh shells"
    continue
  fi
  shells="$shells $shell"
  offers $shell "tiercel ru" rules
  offers $shell "tiercel rules ex" explain
  offers $shell "tiercel rules list --" --priority
  offers $shell "tiercel events --format " markdown
  offers $shell "tiercel run --config /etc/x --j" --json
  offers $shell "tiercel run --config=/etc/x --j" --json
  offers $shell "tiercel rules check a_" a_file.yaml
  offers $shell "tiercel rules explain '${name:0:2}" "$name"
done
offers_not() { ! "$1_offers" "$2" | grep -qxF -- "$3" || fail "$1: '$3' is offered for: $2"; }
case $shells in *zsh*) offers zsh "tiercel events --format=" markdown; offers_not zsh "tiercel outputs " check ;; esac
case $shells in *fish*) offers fish "tiercel events --format=" --format=markdown; offers_not fish "tiercel outputs " check ;; esac
[ "$failures" = 0 ] && echo "completions: fine in $shells"
exit "$failures"
