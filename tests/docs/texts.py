"""What the documents name is there: links, the index, messages.

Every relative link leads to a file; docs/README.md names every document; every message in docs/troubleshooting.md ("..." stands
for what differs) is a text of the sources, and every warning and error of the agent's log is in it. usage: texts.py
"""
import os
import re
import subprocess
import sys

PAGE = "docs/troubleshooting.md"
PIECE_MIN = 4
SOURCES = ("agent/", "siem/")
# Pages that come with their features; a line goes when its page is there.


def files(*patterns):
    out = subprocess.run(["git", "-c", "safe.directory=*", "ls-files", "--cached", "--others", "--exclude-standard", *patterns],
                         capture_output=True, text=True, check=True).stdout
    return [path for path in out.split("\n") if path and os.path.exists(path)]


def text_of(path):
    return open(path, encoding="utf-8", errors="replace").read()


def links():
    problems = []
    for path in files("*.md"):
        text = re.sub(r"```.*?```", "", text_of(path), flags=re.S)
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
            if re.match(r"[a-z]+:", target):
                continue
            file = os.path.normpath(os.path.join(os.path.dirname(path), target))
            if not os.path.exists(file):
                problems.append(f"{path}: no file {target}")
    return problems


def index():
    page = text_of("docs/README.md")
    return [f"docs/README.md does not name {path}" for path in files("docs/*.md")
            if path != "docs/README.md" and os.path.relpath(path, "docs") not in page]


def sources():
    """The sources with adjacent literals put together."""
    whole = {}
    for path in files("*.cpp", "*.h", "*.def"):
        if path.startswith(SOURCES):
            whole[path] = re.sub(r'"\s*\n\s*"', "", text_of(path)).replace('\\"', "'")
    return whole


def pattern_of(message):
    return ".*".join(re.escape(part) for part in re.split(r"\{[^}]*\}", message))


def messages():
    problems = []
    rows = [row.replace("\\|", "|").replace('"', "'") for row in re.findall(r"^\| `([^`]+)` \|", text_of(PAGE), re.M)]
    whole = sources()
    together = "\n".join(whole.values())
    for row in rows:
        for piece in (part.strip() for part in row.split("...")):
            if len(piece) >= PIECE_MIN and piece not in together:
                problems.append(f"{PAGE}: `{row}`: no source has \"{piece}\"")
    if len(rows) < 20:
        problems.append(f"{PAGE}: only {len(rows)} messages")
    for path, text in whole.items():
        for message in re.findall(r'log::(?:warning|error)\(\s*"([^"]*)"', text):
            if len(re.sub(r"\{[^}]*\}|\W", "", message)) < PIECE_MIN:
                continue  # the text comes from elsewhere
            if not any(re.search(pattern_of(message), row.replace("...", "")) or
                       re.fullmatch(".*".join(map(re.escape, row.split("..."))), message) for row in rows):
                problems.append(f"{path}: the log says \"{message}\", and {PAGE} does not")
    return problems


def main():
    problems = links() + index() + messages()
    for problem in problems:
        print(problem)
    print(f"texts: {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
