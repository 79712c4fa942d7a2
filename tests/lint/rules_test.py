"""The lint of the shipped rules finds what it is for: each mistake of a bad set of rules, and none of a good one.

usage: rules_test.py
"""
import os
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import conditions  # noqa: E402
import rules  # noqa: E402

GOOD = """
- list: tools
  items: [a, b]
- macro: began
  condition: evt.type in (execve, execveat)
- rule: Good One
  desc: "It did. Next: look. Harmless: none known."
  condition: began and proc.name in (tools)
  exceptions: [{name: known, fields: [proc.exepath], comps: [=]}]
  output: x
  priority: ERROR
  tags: [network, mitre_command_and_control, T1571, cis_csc_v8_13.2, nist_800_53_SI.4]
"""
REQUIREMENTS = "| NIST | is about |\n| --- | --- |\n| `nist_800_53_SI.4` | x |\n| `cis_csc_v8_13.2` | x |\n"
# what is replaced in GOOD, by what, and a part of what is told
MISTAKES = [
    ("Next: ", "", "no 'Next:'"),
    ("Harmless: ", "", "no 'Harmless:'"),
    ("ERROR", "NOTICE", "names NOTICE"),
    ("exceptions: [{name: known, fields: [proc.exepath], comps: [=]}]", "enabled: true", "no exceptions"),
    ("[network, ", "[other, network, ", "first tag"),
    ("T1571", "T9999", "T9999 is no technique"),
    ("T1571", "T1059.004", "mitre_command_and_control is no tactic of T1059.004: mitre_execution"),
    ("T1571, ", "", "no technique"),
    ("mitre_command_and_control, ", "", "no tactic"),
    ("evt.type in (execve, execveat)", "evt.type in (execve, sendto)", "names sendto"),
    ("evt.type in (execve, execveat)", "evt.type exists", "every event"),
    ("T1571", "T1571, pci_dss_99.9", "pci_dss_99.9 is in no list of requirements"),
    ("cis_csc_v8_13.2, ", "", "no rule has cis_csc_v8_13.2"),
    ("began and proc.name", "not began and proc.name", "names no event type"),
    ("began and proc", "begun and proc", "no macro 'begun'"),
    ("Good One", "Good One!", "letters, digits"),
]
DOUBLE = GOOD.split("- rule:")[1].replace("Good One", "Another").replace("began and proc.name in (tools)",
                                                                       '(proc.name = "other") and (began)')
SCENARIO = "rule: Nobody\nattacks: [{name: a, run: x}, {name: a, run: y}]\ntwins: [{name: t, run: x}]\n"


def problems(text, files=()):
    with tempfile.TemporaryDirectory() as root:
        os.makedirs(os.path.join(root, "tests"))
        os.makedirs(os.path.join(root, "agent"), exist_ok=True)
        os.symlink(os.path.abspath("agent/attack"), os.path.join(root, "agent/attack"))
        for path, content in [("rules/network.yaml", text), ("docs/detections.md", REQUIREMENTS), *files]:
            os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                file.write(content)
        rules.COMPLETE = False  # the folder has one rule
        lint = rules.Lint(root)
        lint.run()
        return "\n".join(lint.problems)


def main():
    failed = []

    def check(what, holds, told=""):
        if not holds:
            failed.append(f"{what}: {told!r}")

    told = problems(GOOD)
    check("a good rule", told == "", told)
    for old, new, part in MISTAKES:
        told = problems(GOOD.replace(old, new))
        check(f"{old!r} -> {new!r}", old in GOOD and part in told, told)
    told = problems(GOOD + "- rule:" + DOUBLE)
    check("a double", "differs from 'Good One' in names, paths or numbers only" in told, told)
    told = problems(GOOD + GOOD)
    check("twice", "'Good One' is there 2 times" in told, told)
    told = problems("".join(GOOD.replace("Good One", f"Good {n}") for n in range(19)))
    check("too many", "19 rules, more than 18" in told, told)
    told = problems(GOOD, [("tests/attacks/scenarios/network/good_one.yaml", SCENARIO)])
    check("a scenario of nobody", "there is no rule 'Nobody'" in told and "a name of its own" in told, told)
    told = problems(GOOD, [("rules/cases/network.yaml", "cases: [{name: c, expect: [Nobody]}]\n")])
    check("a case of nobody", "expects 'Nobody', which is no rule" in told, told)
    same = [conditions.skeleton(conditions.parse(text)) for text in (
        "evt.type = open and (fd.name startswith /a or fd.name startswith /b)", "(fd.name startswith '/c') and evt.type in (open)")]
    check("order and doubles do not count", same[0] == same[1], same)
    other = [conditions.skeleton(conditions.parse(text)) for text in (
        "evt.type = chmod and fd.name = a", "evt.type = chown and fd.name = a", "evt.type = chmod and not fd.name = a")]
    check("events and not do", len(set(other)) == 3, other)
    for text in failed:
        print(text)
    print(f"{len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
