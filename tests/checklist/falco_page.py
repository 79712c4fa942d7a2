"""Writes the tables of docs/falco.md anew from the program's. usage: falco_page.py TIERCEL"""
import re
import subprocess
import sys

PAGE = "docs/falco.md"


def main():
    text = subprocess.run([sys.argv[1], "falco", "--list-keys", "--format", "markdown"], capture_output=True, text=True,
                          check=True).stdout
    keys, flags = text.split("\n\n", 1)
    page = open(PAGE, encoding="utf-8").read()
    for name, table in (("keys", keys + "\n"), ("flags", flags)):
        page, n = re.subn(rf"(<!-- begin {name}[^\n]*\n).*?(<!-- end {name} -->)",
                          lambda found, table=table: found.group(1) + table + found.group(2), page, flags=re.S)
        if n != 1:
            sys.exit(f"{PAGE}: the markers of {name} are not there")
    open(PAGE, "w", encoding="utf-8").write(page)


if __name__ == "__main__":
    main()
