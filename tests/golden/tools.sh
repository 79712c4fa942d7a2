#!/bin/sh
# What the analysts' tools say, compared to the letter. UPDATE=1 writes the expectations anew: look at the difference then.
# The program of a rule and its cost are the engine's to change, and a long list of event types grows with the table: they
# are cut out.
# usage: tests/golden/tools.sh TIERCEL
set -eu
tiercel=$(realpath "$1")
cd "$(dirname "$0")/tools"
got=$(mktemp)
trap 'rm -f "$got" "$got.xml"' EXIT
bad=0

# says NAME ARGUMENT...: output, errors and exit status of `tiercel rules ARGUMENT...`
says() {
  name=$1
  shift
  status=0
  "$tiercel" rules "$@" >"$got" 2>"$got.xml" || status=$?
  cat "$got.xml" >>"$got"
  echo "exit status $status" >>"$got"
  sed -i -E -e 's/"events":\["[^]]{200,}\]/"events":["all of them"]/g' "$got"
  sed -i -e '/^Estimated cost/,/^exit status/{/^exit status/!d}' -e "s|$tiercel|tiercel|" \
    -e 's/"program":"[^"]*"/"program":""/; s/"cost":{[^}]*}/"cost":{}/' "$got"
  [ -z "${UPDATE:-}" ] || cp "$got" "$name.expected"
  diff -u "$name.expected" "$got" || bad=1
}

for command in list describe explain test why; do says "help_$command" "$command" --help; done
says list list rules.yaml
says list_filtered list rules.yaml --priority error --tag T1003.008 --tag shell
says list_json list rules.yaml --json
says list_bad list rules.yaml --priority high
says describe describe rules.yaml
says describe_one describe 'Secrets Read' rules.yaml
says describe_json describe --json rules.yaml
says describe_unknown describe 'Secret Read' rules.yaml
says explain explain 'Shell in Container' rules.yaml
says explain_waiting explain 'Memory Locked' rules.yaml
says explain_json explain --json 'Secrets Read' rules.yaml
says explain_unknown explain 'Shell in Containers' rules.yaml
says failing test failing.yaml
says failing_verbose test -v failing.yaml
says failing_json test --json failing.yaml
says bad test bad.yaml
says bad_json test --json bad.yaml
says no_file test nothing.yaml
says other_rules test failing.yaml --rules nothing.yaml
says why why 'failing.yaml#silent' 'Shell in Container'
says why_excepted why 'failing.yaml#excepted' 'Shell in Container'
says why_two_paths why 'failing.yaml#too much' 'Secrets Read'
says why_json why --json 'failing.yaml#too much' 'Secrets Read'
says why_no_case why 'failing.yaml#silence' 'Shell in Container'
says why_no_rule why 'failing.yaml#silent' 'Shell in Containr'
says why_no_hash why failing.yaml 'Shell in Container'
says why_no_recording why rules.rec:3 'Shell in Container' rules.yaml
says counting_explain explain 'Port Sweep' counting.yaml
says counting_list list counting.yaml
says counting_test test counting_cases.yaml
says counting_why why 'counting_cases.yaml#too few' 'Port Sweep'
says threshold_mistakes check threshold_mistakes.yaml

"$tiercel" rules test failing.yaml bad.yaml --junit "$got.xml" >/dev/null 2>&1 && bad=1
[ -z "${UPDATE:-}" ] || cp "$got.xml" junit.expected
diff -u junit.expected "$got.xml" || bad=1
python3 - "$got.xml" <<'EOF' || bad=1
import sys, xml.etree.ElementTree as tree
suites = tree.parse(sys.argv[1]).getroot()
cases = suites.findall(".//testcase")
assert len(cases) == int(suites.get("tests")), "as many cases as it says"
assert len(suites.findall(".//failure")) == int(suites.get("failures")) == 4
assert len(suites.findall(".//error")) == int(suites.get("errors")) > 0
EOF
for json in *_json.expected; do sed '$d' "$json" | head -1 | python3 -m json.tool >/dev/null || bad=1; done
exit $bad
