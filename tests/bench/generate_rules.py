#!/usr/bin/env python3
"""generate_rules.py COUNT [SEED]: a rule file of so many rules, shaped like those that people write.

The families and their shares follow Falco's stock files: sensitive files read and written, programs started with certain
arguments or by certain parents, connections to certain places, containers or not, each with its list of programs that
may. Names are common ones and made-up ones, paths are made up below common folders.
"""

import random
import sys

COMMON = ("bash sh dash python3 perl ruby node java nginx apache2 httpd postgres mysqld redis-server sshd cron systemd curl wget "
          "cat grep sed awk tar gzip cp mv rm ls find git make gcc cc1 ld as apt apt-get dpkg rpm yum docker containerd runc "
          "kubelet nc ncat socat ssh scp rsync su sudo passwd useradd chmod chown mount iptables tcpdump nmap").split()
FOLDERS = ["/etc", "/usr/bin", "/usr/lib", "/var/lib", "/var/log", "/home", "/root", "/opt", "/srv", "/tmp", "/run", "/proc", "/dev"]
SYLLABLES = "ba be bi bo ka ke ki ko la le li lo ma me mi mo na ne ni no ra re ri ro sa se si so ta te ti to va ve vi vo za zu".split()
HEADER = """- macro: read_open
  condition: (evt.type in (open, openat, openat2) and evt.is_open_read = true and fd.typechar = 'f' and fd.num >= 0)
- macro: write_open
  condition: (evt.type in (open, openat, openat2) and evt.is_open_write = true and fd.typechar = 'f' and fd.num >= 0)
- macro: started
  condition: (evt.type in (execve, execveat) and evt.arg.res = 0)
- macro: inside
  condition: (container.id != host)
- macro: out_to
  condition: (evt.type = connect and fd.typechar = 4 and fd.l4proto = tcp)
- list: shells
  items: [ash, bash, csh, ksh, sh, tcsh, zsh, dash]
"""


class Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def word(self):
        return "".join(self.random.choice(SYLLABLES) for _ in range(self.random.randint(2, 4)))

    def name(self):
        return self.random.choice(COMMON) if self.random.random() < 0.4 else self.word()

    def names(self, most):
        return ", ".join(sorted({self.name() for _ in range(self.random.randint(1, most))}))

    def path(self):
        return self.random.choice(FOLDERS) + "/" + "/".join(self.word() for _ in range(self.random.randint(1, 3)))

    def paths(self, most):
        return ", ".join(self.path() for _ in range(self.random.randint(1, most)))

    def file_rule(self):
        which = self.random.choice(["fd.name startswith {p}", "fd.name startswith {p}/", "fd.name in ({ps})", "fd.directory in ({ps})",
                                    "fd.name endswith /{w}.conf", "fd.name contains /{w}/", "fd.name pmatch ({ps})",
                                    "(fd.name startswith {p} or fd.name startswith {q} or fd.directory = {p})"])
        where = which.format(p=self.path(), q=self.path(), ps=self.paths(6), w=self.word())
        return f"{self.random.choice(['read_open', 'write_open'])} and {where} and not proc.name in ({self.names(8)})"

    def start_rule(self):
        what = self.random.choice(["proc.name in ({ns})", "proc.name = {n} and proc.args contains {w}", "proc.cmdline contains '{n} {w}'",
                                   "proc.name in (shells) and proc.pname in ({ns})", "proc.name in (shells) and proc.aname in ({ns})",
                                   "proc.exepath startswith {p}", "proc.name = {n} and proc.args icontains --{w}",
                                   "proc.cmdline startswith '{n} -{w}'", "proc.exepath regex '{p}/[a-z]+[0-9]*'"])
        what = what.format(n=self.name(), ns=self.names(6), w=self.word(), p=self.path())
        return f"started and {what} and not proc.pname in ({self.names(5)})"

    def connect_rule(self):
        r = self.random
        address = lambda: f"{r.randint(1, 223)}.{r.randint(0, 255)}.{r.randint(0, 255)}.{r.randint(1, 254)}"  # noqa: E731
        where = r.choice(["fd.sport in ({a}, {b})", "fd.sip in ({x}, {y})", "fd.snet in ({x}/24, {y}/16)", "fd.sport = {a} and proc.name in ({ns})"])
        where = where.format(a=r.randint(1, 65535), b=r.randint(1, 65535), x=address(), y=address(), ns=self.names(5))
        return f"out_to and {where} and not proc.name in ({self.names(8)})"

    def rule(self, number):
        kind = self.random.random()
        condition = self.file_rule() if kind < 0.5 else self.start_rule() if kind < 0.85 else self.connect_rule()
        if self.random.random() < 0.3:
            condition = condition.replace(" and ", " and inside and ", 1)
        return (f"- rule: Generated {number}\n  desc: made up\n  condition: >\n    {condition}\n"
                f"  output: made up (user=%user.name command=%proc.cmdline file=%fd.name)\n  priority: NOTICE\n")


def text(count, seed=1):
    maker = Maker(seed)
    return HEADER + "".join(maker.rule(n) for n in range(count))


if __name__ == "__main__":
    sys.stdout.write(text(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1))
