"""packaging/wazuh-manager/install.sh against a folder that looks like a manager's: what it puts there, what it asks, what
it puts back when the manager's own check fails, and that nothing of it stays.

The stand-in for wazuh-analysisd reads every file of rules as XML, refuses an id that is there twice, and complains as the
real one does: on standard error, with exit status 0 for a rule that it leaves out.

usage: manager_install.py
"""
import os
import shutil
import stat
import subprocess
import sys
import tempfile

INSTALL = os.path.abspath("packaging/wazuh-manager/install.sh")
CONF = "<ossec_config>\n  <global><jsonout_output>yes</jsonout_output></global>\n</ossec_config>\n"
ANALYSISD = '''#!%s
import glob, os, sys, xml.etree.ElementTree as xml
home = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
said, ids, bad = [], {"504", "506"}, os.path.exists(home + "/broken")
for path in sorted(glob.glob(home + "/etc/rules/*.xml") + glob.glob(home + "/etc/decoders/*.xml")):
    try:
        for rule in xml.fromstring("<all>" + open(path).read() + "</all>").iter("rule"):
            if rule.get("id") in ids:
                said.append("WARNING: (7612): Rule ID '%%s' is duplicated. Only the first occurrence will be considered." %% rule.get("id"))
            if rule.findtext("if_sid") not in ids | {None}:
                said.append("WARNING: (7617): Signature ID '%%s' was not found and will be ignored in the 'if_sid' option of rule '%%s'." %% (rule.findtext("if_sid"), rule.get("id")))
            ids.add(rule.get("id"))
    except xml.ParseError as error:
        said.append("ERROR: (1226): Error reading XML file '%%s': %%s" %% (path, error))
        bad = True
xml.fromstring("<all>" + open(home + "/etc/ossec.conf").read() + "</all>")
for line in said + ["WARNING: something that was there before"]:
    print("2026/01/01 00:00:00 wazuh-analysisd: " + line, file=sys.stderr)
sys.exit(1 if bad else 0)
''' % sys.executable
LOGTEST = '#!/bin/sh\ngrep -q "a rule of this check" && [ "$*" = "-q -l tiercel -U 110003:12:tiercel" ] && [ ! -e "$(dirname "$0")/../deaf" ]\n'
CONTROL = '#!/bin/sh\necho "$1" >>"$(dirname "$0")/../restarts"\n'


class Manager:
    def __init__(self, folder):
        self.home = os.path.join(folder, "ossec")
        for path in ("etc/rules", "etc/decoders", "ruleset/rules", "bin"):
            os.makedirs(os.path.join(self.home, path))
        self.write("etc/ossec.conf", CONF)
        self.write("etc/rules/local_rules.xml", '<group name="local,"><rule id="100001" level="5"></rule></group>\n')
        for name, text in (("analysisd", ANALYSISD), ("control", CONTROL)):
            self.program("wazuh-" + name, text)

    def path(self, name):
        return os.path.join(self.home, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)

    def program(self, name, text):
        self.write("bin/" + name, text)
        os.chmod(self.path("bin/" + name), 0o755)

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    def files(self):
        """Every file below etc with its text: what must be the same again."""
        out = {}
        for folder, _, names in os.walk(self.path("etc")):
            for name in names:
                path = os.path.join(folder, name)
                out[os.path.relpath(path, self.home)] = self.read(path)
        return out

    def run(self, *options, script=INSTALL):
        done = subprocess.run([script, "--ossec-dir", self.home, *options], stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=60)
        return done.returncode, done.stdout


def expect(what, holds, said=""):
    if not holds:
        raise AssertionError(f"{what}\n{said}")


def ours(manager):
    return sorted(os.listdir(manager.path("etc/decoders"))
                  + [name for name in os.listdir(manager.path("etc/rules")) if name.startswith("tiercel_")])


def check_install(manager):
    before = manager.files()
    status, said = manager.run("--dry-run", "--responses")
    expect("a dry run does nothing", status == 0 and "would write" in said and manager.files() == before, said)
    status, said = manager.run()
    wanted = sorted(os.listdir("decoders/wazuh/4.x") + os.listdir("rules/wazuh/4.x"))
    expect("all files are there", status == 0 and ours(manager) == wanted and len(wanted) >= 4, said)
    expect("the manager was asked", "wazuh-analysisd -t takes it" in said, said)
    expect("ossec.conf is as it was without --responses", manager.read("etc/ossec.conf") == CONF)
    mode = stat.S_IMODE(os.stat(manager.path("etc/rules/tiercel_rules.xml")).st_mode)
    expect("mode 0660", mode == 0o660, oct(mode))
    expect("no restart without a word", not os.path.exists(manager.path("restarts")))
    expect("a second run has nothing to do", "nothing to do" in manager.run()[1])
    status, said = manager.run("--responses", "--restart")
    conf = manager.read("etc/ossec.conf")
    expect("responses are in ossec.conf, once", status == 0 and conf.startswith(CONF)
           and conf.count("<name>tiercel-kill-process</name>") == 1, said)
    expect("restarted", manager.read("restarts") == "restart\n")
    expect("and again nothing to do", "nothing to do" in manager.run("--responses")[1])


def check_changed_by_a_person(manager):
    manager.write("etc/ossec.conf", manager.read("etc/ossec.conf").replace("<disabled>yes</disabled>", "", 1))
    chosen = manager.files()
    expect("what somebody chose stays", manager.run()[0] == 0 and manager.files() == chosen)
    status, said = manager.run("--responses")
    expect("... and is asked about", status == 1 and "was changed by somebody" in said and manager.files() == chosen, said)
    manager.write("etc/rules/tiercel_rules.xml", manager.read("etc/rules/tiercel_rules.xml") + "<!-- mine -->\n")
    chosen = manager.files()
    for options in ([], ["--remove"]):
        status, said = manager.run(*options)
        expect("no answer is a no, and all is as before", status == 1 and manager.files() == chosen, said)
    status, said = manager.run("--yes", "--responses")
    expect("--yes overwrites", status == 0 and "mine" not in manager.read("etc/rules/tiercel_rules.xml"), said)
    expect("... and keeps the old text", "mine" in manager.read("etc/rules/tiercel_rules.xml.tiercel-old"))
    for name in ("etc/rules/tiercel_rules.xml", "etc/ossec.conf"):
        os.unlink(manager.path(name + ".tiercel-old"))


def check_new_version(manager, folder):
    """Another version: files that were not touched are replaced without a question, one that is gone goes."""
    version = os.path.join(folder, "version")
    for name in ("decoders/wazuh/4.x", "rules/wazuh/4.x", "packaging/wazuh-manager"):
        shutil.copytree(name, os.path.join(version, name))
    script = os.path.join(version, "packaging/wazuh-manager/install.sh")
    shipped = os.path.join(version, "rules/wazuh/4.x/tiercel_shipped_rules.xml")
    with open(shipped, "a", encoding="utf-8") as file:
        file.write("<!-- newer -->\n")
    os.unlink(os.path.join(version, "rules/wazuh/4.x/tiercel_sums_rules.xml"))
    status, said = manager.run(script=script)
    expect("a new version", status == 0 and "newer" in manager.read("etc/rules/tiercel_shipped_rules.xml")
           and "tiercel_sums_rules.xml" not in ours(manager), said)
    # One that the manager does not take.
    was = manager.files()
    for text, options in (("<rule", []), ('<group name="x,"><rule id="110001" level="3"></rule></group>', [])):
        with open(shipped, "w", encoding="utf-8") as file:
            file.write(text)
        status, said = manager.run(*options, script=script)
        expect("what the manager does not take is put back",
               status == 1 and "does not take it" in said and "as it was before" in said and manager.files() == was, said)
    expect("back to this version", manager.run()[0] == 0)


def check_refusals(manager):
    manager.write("etc/rules/site.xml", '<group name="site,"><rule id="110005" level="3"></rule></group>\n')
    was = manager.files()
    status, said = manager.run()
    expect("ids of others", status == 1 and "site.xml" in said and "--base" in said and manager.files() == was, said)
    own = '<group name="own,"><rule id="100010" level="3"><if_sid>110102</if_sid></rule></group>\n'
    for name, early in (("etc/rules/site.xml", True), ("etc/rules/tiercel_z.xml", False)):
        manager.run("--remove")
        manager.write("etc/rules/site.xml", "<group/>\n")
        manager.write(name, own)
        status, said = manager.run()
        expect("a rule that is read too early is told, another is not",
               status == 0 and ("option of rule '100010'" in said) == early == ("tiercel_z.xml" in said), said)
    os.unlink(manager.path("etc/rules/tiercel_z.xml"))
    os.unlink(manager.path("etc/rules/site.xml"))
    manager.write("broken", "")
    status, said = manager.run("--remove")
    expect("a manager that is broken already", status == 1 and "before anything was changed" in said, said)
    os.unlink(manager.path("broken"))
    status, said = manager.run("--nonsense")
    expect("an unknown option", status == 1 and "--help" in said, said)
    done = subprocess.run([INSTALL, "--ossec-dir", "/nonexistent"], capture_output=True, text=True, check=False)
    expect("no manager", done.returncode == 1 and "--ossec-dir" in done.stderr, done.stderr)


def check_logtest(manager):
    """Where the manager runs, its logtest has a word, too."""
    import socket
    os.makedirs(manager.path("queue/sockets"))
    with socket.socket(socket.AF_UNIX) as listening:
        where = os.getcwd()
        os.chdir(manager.path("queue/sockets"))
        listening.bind("logtest")  # its path may be too long for a socket's name
        os.chdir(where)
        manager.program("wazuh-logtest", LOGTEST)
        expect("removed for a new start", manager.run("--remove")[0] == 0)
        was = manager.files()
        manager.write("deaf", "")
        status, said = manager.run()
        expect("logtest objects", status == 1 and "wazuh-logtest" in said and manager.files() == was, said)
        os.unlink(manager.path("deaf"))
        manager.program("wazuh-logtest", "#!/bin/sh\necho '** Wazuh-logtest error when connecting with wazuh-analysisd'\nexit 1\n")
        status, said = manager.run()
        expect("a manager that is down", status == 0 and "seems to be down" in said, said)
        manager.run("--remove")
        manager.program("wazuh-logtest", LOGTEST)
        status, said = manager.run()
        expect("logtest agrees", status == 0 and "brings an alert to its rule" in said, said)


def main():
    with tempfile.TemporaryDirectory() as folder:
        manager = Manager(folder)
        clean = manager.files()
        check_install(manager)
        check_changed_by_a_person(manager)
        check_new_version(manager, folder)
        check_refusals(manager)
        status, said = manager.run("--remove")
        expect("nothing stays", status == 0 and manager.files() == clean, said)
        expect("nothing to remove", "nothing to do" in manager.run("--remove")[1])
        check_logtest(manager)
    print("install.sh: all as it should be")


if __name__ == "__main__":
    main()
