#!/bin/sh
# Puts Tiercel's decoders, rules and, if wanted, its active responses onto a Wazuh 4.x manager, or takes them out again.
# The manager's own programs check them before anything is restarted; if they object, everything is put back.
set -eu
umask 077

usage() {
  cat <<'END'
usage: install.sh [--ossec-dir DIR] [--responses] [--remove] [--dry-run] [--yes] [--restart | --no-restart]

On the host of a Wazuh 4.x manager, as root: puts Tiercel's decoders into etc/decoders and its rules into etc/rules, checks
them with wazuh-analysisd -t and, while the manager runs, with wazuh-logtest, and asks whether to restart it. If a check
fails, everything is as it was, and the exit status is 1. Running it again changes only what is new.

  --ossec-dir DIR  where the manager is (default: /var/ossec)
  --responses      also put active-response.xml into etc/ossec.conf, between two marked lines; all responses are off there,
                   and what you changed between the marks is asked about before it is replaced. Without this option the
                   part that is there stays as it is
  --remove         take out whatever this script put there
  --dry-run        say what would be done, and do nothing
  --yes            no questions: changed files are overwritten or removed; their old text stays as NAME.tiercel-old
  --restart        restart the manager at the end without a question; --no-restart: do not, and do not ask

Examples:
  sudo packaging/wazuh-manager/install.sh --dry-run
  sudo packaging/wazuh-manager/install.sh --responses
  sudo packaging/wazuh-manager/install.sh --remove
END
}

here=$(cd "$(dirname "$0")" && pwd)
source=$(cd "$here/../.." && pwd)
ossec=/var/ossec responses=no mode=install dry=no yes=no restart=ask
while [ $# -gt 0 ]; do
  case $1 in
    --ossec-dir) [ $# -ge 2 ] || { usage >&2; exit 1; }; ossec=$2; shift ;;
    --ossec-dir=*) ossec=${1#*=} ;;
    --responses) responses=yes ;;
    --remove) mode=remove ;;
    --dry-run) dry=yes ;;
    --yes) yes=yes ;;
    --restart) restart=yes ;;
    --no-restart) restart=no ;;
    --help | -h) usage; exit 0 ;;
    *) echo "install.sh: unknown option $1; --help lists them" >&2; exit 1 ;;
  esac
  shift
done

fail() {
  echo "install.sh: $1" >&2
  exit 1
}

if ! { [ -d "$ossec/etc/rules" ] && [ -d "$ossec/etc/decoders" ] && [ -f "$ossec/etc/ossec.conf" ]; }; then
  fail "there is no Wazuh 4.x manager in $ossec (etc/rules, etc/decoders, etc/ossec.conf): --ossec-dir names another place"
fi
if ! { [ -w "$ossec/etc/rules" ] && [ -w "$ossec/etc/ossec.conf" ]; }; then fail "no right to write to $ossec: run it as root (sudo)"; fi

record=etc/.tiercel-installed # sums of what this script put there, so that a person's changes can be told
begin='<!-- tiercel: begin (packaging/wazuh-manager/install.sh) -->'
end='<!-- tiercel: end -->'
work=$(mktemp -d)
changed=$work/changed # paths below the manager's folder that were touched, with their old text in $work/old
mkdir -p "$work/old" "$work/new"
: >"$changed"
touched=no

put_back() {
  [ "$touched" = yes ] || return 0
  touched=no
  while read -r path; do
    if [ -e "$work/old/$path" ]; then
      cp -p "$work/old/$path" "$ossec/$path"
    else
      rm -f "${ossec:?}/$path"
    fi
  done <"$changed"
  echo "everything is as it was before"
}
finish() {
  status=$?
  put_back
  rm -rf "$work"
  exit $status
}
trap finish EXIT
trap 'exit 1' INT TERM HUP

sum() { sha256sum <"$1" | cut -d' ' -f1; }

# What a path holds that is ours: a file, or the marked part of ossec.conf.
part() {
  if [ "$1" = etc/ossec.conf ]; then
    awk -v b="$begin" -v e="$end" '$0 == b { on = 1 } on { print } $0 == e { on = 0 }' "$ossec/$1"
  elif [ -e "$ossec/$1" ]; then
    cat "$ossec/$1"
  fi
}

# A question with the answer no where nobody is there to answer.
agreed() {
  [ "$yes" = no ] || return 0
  [ -t 0 ] || { echo "$1 Nobody is there to answer: no (--yes answers yes)."; return 1; }
  printf '%s [y/N] ' "$1"
  read -r answer || return 1
  case $answer in y | Y | yes) return 0 ;; *) return 1 ;; esac
}

# Keeps the old text of a path before its first change.
touch_path() {
  touched=yes
  mkdir -p "$work/old/$(dirname "$1")"
  [ ! -e "$ossec/$1" ] || cp -p "$ossec/$1" "$work/old/$1"
  echo "$1" >>"$changed"
}

own() {
  chmod 0660 "$ossec/$1"
  if id wazuh >/dev/null 2>&1; then
    chown wazuh:wazuh "$ossec/$1"
  else
    chown "$(stat -c %u:%g "$ossec/etc/rules")" "$ossec/$1"
  fi
}

# Ours is left as it is where a person changed it and says so. $1: path, $2: what is about to be done to it.
may_change() {
  part "$1" >"$work/now"
  [ -s "$work/now" ] || return 0
  if [ -e "$ossec/$record" ] && grep -qxF "$(sum "$work/now")  $1" "$ossec/$record"; then
    return 0
  fi
  [ "$dry" = no ] || { echo "would ask: $1 was changed by somebody"; return 0; }
  agreed "$ossec/$1 was changed by somebody. $2" || fail "$ossec/$1 was changed by somebody: nothing was done"
  echo "$1" >>"$work/asked"
}

wanted_conf() {
  awk -v b="$begin" -v e="$end" '$0 == b { on = 1 } !on { print } $0 == e { on = 0 }' "$ossec/etc/ossec.conf"
  [ -z "$1" ] || cat "$1"
}

# $1: path, $2: its new text; none: it goes.
replace() {
  if [ -n "$2" ]; then part "$1" | cmp -s - "$2" && return 0; else part "$1" | grep -q . || return 0; fi
  may_change "$1" "$([ -n "$2" ] && echo 'Overwrite it?' || echo 'Remove it?')"
  if [ "$dry" = yes ]; then
    echo "would $([ -n "$2" ] && echo write || echo remove): $ossec/$1$([ "$1" != etc/ossec.conf ] || echo ' (the marked part)')"
    return 0
  fi
  touch_path "$1"
  if [ -e "$work/asked" ] && grep -qxF "$1" "$work/asked"; then cp -p "$ossec/$1" "$ossec/$1.tiercel-old"; fi
  if [ "$1" = etc/ossec.conf ]; then
    wanted_conf "$2" >"$work/conf"
    cat "$work/conf" >"$ossec/$1"
  elif [ -n "$2" ]; then
    cat "$2" >"$ossec/$1"
    own "$1"
  else
    rm -f "${ossec:?}/$1"
  fi
  echo "$([ -n "$2" ] && echo wrote || echo removed): $ossec/$1$([ "$1" != etc/ossec.conf ] || echo ' (the marked part)')"
}

# Every path of ours, one a line: those that this version brings, and those that an earlier one left.
our_paths() {
  {
    for file in "$source"/decoders/wazuh/4.x/*.xml; do echo "etc/decoders/${file##*/}"; done
    for file in "$source"/rules/wazuh/4.x/*.xml; do echo "etc/rules/${file##*/}"; done
    echo etc/ossec.conf
    [ ! -e "$ossec/$record" ] || sed 's/^[0-9a-f]*  //' "$ossec/$record"
  } | sort -u
}

# The new text of a path, as a file's name; nothing if the path is to go.
new_text() {
  [ "$mode" = install ] || return 0
  case $1 in
    etc/decoders/*) file=$source/decoders/wazuh/4.x/${1##*/} ;;
    etc/rules/*) file=$source/rules/wazuh/4.x/${1##*/} ;;
    *) file=$work/new/responses ;;
  esac
  [ ! -e "$file" ] || echo "$file"
}

check_ids() {
  taken=$(grep -lE '<rule id="110[0-9]{3}"' "$ossec"/etc/rules/*.xml "$ossec"/ruleset/rules/*.xml 2>/dev/null |
    grep -v '/etc/rules/tiercel_[a-z_]*\.xml$' || true)
  [ -z "$taken" ] ||
    fail "rules of yours have ids that Tiercel's have, too (110000 to 110999): $taken
  docs/manager.md tells how to move Tiercel's: tiercel rules export wazuh4 --base"
}

# What the manager says of its configuration, without the times. Exit status: the manager's.
analysisd() {
  status=0
  "$ossec/bin/wazuh-analysisd" -t >"$work/said" 2>&1 || status=$?
  sed 's/^[0-9/]* [0-9:]* //' "$work/said" | grep -E 'WARNING|ERROR|CRITICAL' | sort -u >"$1" || true
  return $status
}

check() {
  if [ ! -x "$ossec/bin/wazuh-analysisd" ]; then
    echo "not checked: there is no $ossec/bin/wazuh-analysisd"
    return 0
  fi
  good=yes
  analysisd "$work/after" || good=no
  comm -13 "$work/before" "$work/after" >"$work/complaints"
  grep -iE "rule( id)? '110[0-9]{3}'" "$work/after" >>"$work/complaints" || true
  if [ $good = no ] || [ -s "$work/complaints" ]; then
    sort -u "$work/complaints" >&2
    fail "wazuh-analysisd -t does not take it"
  fi
  echo "checked: wazuh-analysisd -t takes it"
  # Rules of others that name ours are left out by the manager where they are read before them.
  if [ "$mode" = install ] && grep -E "'110[0-9]{3}'|'tiercel[a-z_]*'" "$work/after"; then
    echo "note: your rules above name Tiercel's and are read before them: move them to a file such as etc/rules/tiercel_z.xml"
  fi
}

# While the manager runs, its logtest reads the new files: an alert has to arrive at its rule.
check_logtest() {
  [ "$mode" = install ] && [ -x "$ossec/bin/wazuh-logtest" ] && [ -S "$ossec/queue/sockets/logtest" ] || return 0
  rule=110003
  echo 'tiercel: {"tiercel":{"schema":"1","rule":"a rule of this check","priority":"Critical","source":"syscall"}}' |
    "$ossec/bin/wazuh-logtest" -q -l tiercel -U $rule:12:tiercel >"$work/said" 2>&1 || {
    if grep -q 'error when connecting' "$work/said"; then
      echo "not checked: wazuh-logtest does not reach the manager, which seems to be down"
      return 0
    fi
    cat "$work/said" >&2
    fail "wazuh-logtest does not bring an alert to its rule $rule"
  }
  echo "checked: wazuh-logtest brings an alert to its rule"
}

# What was written, and not what a person made of it meanwhile.
keep_record() {
  [ "$mode" = install ] || { rm -f "${ossec:?}/$record"; return 0; }
  while read -r path; do
    file=$(new_text "$path")
    if [ -n "$file" ]; then
      echo "$(sum "$file")  $path"
    elif [ "$path" = etc/ossec.conf ] && [ -e "$ossec/$record" ]; then
      grep '  etc/ossec.conf$' "$ossec/$record" || true
    fi
  done <"$work/paths" >"$work/record"
  cat "$work/record" >"$ossec/$record"
}

if [ "$mode" = install ]; then
  [ -f "$source/rules/wazuh/4.x/tiercel_rules.xml" ] || fail "there are no rules in $source: run it from where Tiercel's files are"
  check_ids
  if [ $responses = yes ]; then
    { echo "$begin"; cat "$here/active-response.xml"; echo "$end"; } >"$work/new/responses"
  fi
fi
if [ "$dry" = no ] && [ -x "$ossec/bin/wazuh-analysisd" ]; then
  analysisd "$work/before" ||
    { cat "$work/before" >&2; fail "wazuh-analysisd -t fails before anything was changed: mend that first"; }
fi
our_paths >"$work/paths"
exec 3<"$work/paths"
while read -r path <&3; do
  # Without --responses the marked part of ossec.conf is left alone: it says what somebody chose.
  if [ "$mode $responses $path" = "install no etc/ossec.conf" ]; then continue; fi
  replace "$path" "$(new_text "$path")"
done
if [ "$dry" = yes ]; then exit 0; fi
if [ "$touched" = no ]; then
  keep_record
  echo "nothing to do: $ossec is as it should be"
  exit 0
fi
check
check_logtest
keep_record
touched=no

if [ "$restart" = yes ] || { [ "$restart" = ask ] && [ -t 0 ] && agreed "Restart the manager now?"; }; then
  "$ossec/bin/wazuh-control" restart
else
  echo "it counts from the manager's next start: $ossec/bin/wazuh-control restart"
fi
