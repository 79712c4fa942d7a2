"""The manager's snippets: well-formed, no name twice, every response names a command, every command a script that ships,
and every id a rule.

usage: manager.py
"""
import glob
import re
import sys
import xml.etree.ElementTree as xml

SNIPPETS = "packaging/wazuh-manager/active-response.xml"
SCRIPTS = "agent/response/script.cpp"  # the table of the scripts that ship
LOCATIONS = ("local", "server", "defined-agent", "all")


def text(block, name):
    found = block.find(name)
    return (found.text or "").strip() if found is not None else ""


def main():
    problems = []
    root = xml.parse(SNIPPETS).getroot()
    with open(SCRIPTS, encoding="utf-8") as source:
        table = source.read().split("kKinds[] = {", 1)[1].split("\n};", 1)[0]
    # {{"name", "what it does"...}, its functions}
    shipped = set(re.findall(r'\{\{"([a-z-]+)",', table))
    commands = {}
    for block in root.findall("command"):
        name = text(block, "name")
        if not name or name in commands:
            problems.append(f"command {name!r} has no name, or one that is there twice")
        commands[name] = block
        if not name.startswith("tiercel-"):
            problems.append(f"command {name}: a stock manager may have that name; ours begin with tiercel-")
        if text(block, "executable") not in shipped:
            problems.append(f"command {name}: {text(block, 'executable')!r} is no script that ships")
        if text(block, "timeout_allowed") not in ("yes", "no"):
            problems.append(f"command {name}: timeout_allowed must be yes or no")
    for name in sorted(set(shipped) - {text(block, "executable") for block in commands.values()}):
        problems.append(f"the script {name} has no command")
    rules = set()
    for path in glob.glob("rules/wazuh/4.x/*.xml"):
        rules |= {rule.get("id") for rule in xml.parse(path).iter("rule")}
    for block in root.findall("active-response"):
        name = text(block, "command")
        if name not in commands:
            problems.append(f"a response names the command {name!r}, which is not there")
            continue
        if text(block, "location") not in LOCATIONS:
            problems.append(f"response {name}: location {text(block, 'location')!r}")
        ids = [part for part in text(block, "rules_id").split(",") if part]
        for number in sorted(set(ids) - rules):
            problems.append(f"response {name}: there is no rule {number}")
        # A group is a part of the text of a rule's groups: without the comma tiercel_kill would be tiercel_kill_container, too.
        if not ids and not re.fullmatch(r"tiercel_[a-z_]+,", text(block, "rules_group")):
            problems.append(f"response {name}: it is bound to no id, and to no group that ends in a comma")
        timeout = text(block, "timeout")
        if bool(timeout) != (text(commands[name], "timeout_allowed") == "yes") or not (timeout or "0").isdigit():
            problems.append(f"response {name}: timeout {timeout!r} does not go with timeout_allowed")
        if text(block, "disabled") != "yes":
            problems.append(f"response {name} is on by default")
    if len(shipped) < 5:
        problems.append(f"{SCRIPTS}: the table of scripts was not understood: {sorted(shipped)}")
    for problem in problems:
        print(f"{SNIPPETS}: {problem}")
    print(f"manager's snippets: {len(commands)} commands, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
