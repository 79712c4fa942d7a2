"""CHANGELOG.md as the changelog of a package, so that there is one place where changes are told.

usage: changelog.py deb|rpm VERSION [CHANGELOG.md]

The uppermost section is that of VERSION, whatever it is called there. Maintainer: deb/control. Date: SOURCE_DATE_EPOCH, else
now.
"""
import email.utils
import os
import re
import sys
import textwrap
import time

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")


def entries(text):
    """Of the uppermost section: its list items, each in one line; a paragraph between them is a heading."""
    section = re.split(r"^## .*$", text, flags=re.M)[1]
    for paragraph in re.split(r"\n\s*\n|\n(?=- )", section):
        line = " ".join(paragraph.split()).replace("`", "")
        if line:
            yield line.startswith("- "), line.removeprefix("- ")


def main():
    kind, version = sys.argv[1:3]
    path = sys.argv[3] if len(sys.argv) > 3 else os.path.join(ROOT, "CHANGELOG.md")
    with open(path, encoding="utf-8") as f:
        items = [text for is_item, text in entries(f.read()) if is_item]
    with open(os.path.join(ROOT, "deb/control"), encoding="utf-8") as f:
        maintainer = re.search(r"^Maintainer: (.*)$", f.read(), re.M).group(1)
    when = int(os.environ.get("SOURCE_DATE_EPOCH", time.time()))
    if kind == "deb":
        print(f"tiercel ({version}) unstable; urgency=medium\n")
        for item in items:
            print(textwrap.fill(item, 78, initial_indent="  * ", subsequent_indent="    ", break_long_words=False,
                                break_on_hyphens=False))
        print(f"\n -- {maintainer}  {email.utils.formatdate(when)}")
    else:
        day = time.strftime("%a %b %d %Y", time.gmtime(when))
        print(f"* {day} {maintainer} - {version}-1")
        for item in items:
            print(textwrap.fill(item.replace("%", "%%"), 78, initial_indent="- ", subsequent_indent="  ",
                                break_long_words=False, break_on_hyphens=False))


if __name__ == "__main__":
    main()
