"""A terminal for tests: runs a program on a pty and keeps the screen that it draws, with its colours.

It knows what ncurses sends to xterm-256color: movements, erasing, insertion and deletion, scrolling regions, repeated
characters, colours. What it does not know ends the test: it would leave a wrong picture.
"""

import errno
import fcntl
import os
import pty
import re
import signal
import struct
import termios
import threading

import tiercel as support

TOKEN = re.compile(
    r"\x1b\[(?P<mark>[?>=!]?)(?P<numbers>[0-9;:]*)(?P<between>[ -/]*)(?P<final>[@-~])"
    r"|\x1b[()*+](?P<charset>[0-9A-Za-z])"
    r"|\x1b\](?:[^\x07\x1b]*)(?:\x07|\x1b\\)"
    r"|\x1b(?P<escape>[^\[\]()*+])"
    r"|(?P<control>[\x00-\x1a\x1c-\x1f\x7f])"
    r"|(?P<text>[^\x00-\x1f\x7f]+)", re.S)
PLAIN = {"fg": None, "bg": None, "bold": False, "dim": False, "underline": False, "reverse": False}


class Screen:
    """What was drawn: rows of [character, style]."""

    def __init__(self, columns, lines):
        self.columns, self.lines = columns, lines
        self.style = dict(PLAIN)
        self.rows = [self._blanks(columns) for _ in range(lines)]
        self.x = self.y = 0
        self.top, self.bottom = 0, lines - 1
        self.rest = ""
        self.last = " "
        self.unknown = []

    def _blanks(self, count):
        style = dict(PLAIN, bg=self.style["bg"])
        return [[" ", style] for _ in range(count)]

    def text(self):
        return ["".join(cell[0] for cell in row).rstrip() for row in self.rows]

    def resize(self, columns, lines):
        """Keeps what is at the top and on the left, as terminals without reflow do."""
        old, rows = self.rows, []
        self.columns, self.lines, self.top, self.bottom = columns, lines, 0, lines - 1
        for y in range(lines):
            row = old[y][:columns] if y < len(old) else []
            rows.append(row + self._blanks(columns - len(row)))
        self.rows, self.x, self.y = rows, min(self.x, columns - 1), min(self.y, lines - 1)

    def feed(self, text):
        self.rest += text
        at = 0
        while at < len(self.rest):
            found = TOKEN.match(self.rest, at)
            if not found:
                break  # the rest of it comes with the next bytes
            at = found.end()
            if found["text"]:
                for character in found["text"]:
                    self._put(character)
            elif found["control"]:
                self._control(found["control"])
            elif found["final"]:
                self._sequence(found["mark"], found["numbers"], found["final"])
            elif found["escape"]:
                self._escape(found["escape"])
        self.rest = self.rest[at:]

    def _put(self, character):
        if self.x >= self.columns:
            self.x = 0
            self._line_feed()
        self.rows[self.y][self.x] = [character, dict(self.style)]
        self.last = character
        self.x += 1

    def _line_feed(self):
        if self.y == self.bottom:
            self._scroll(1)
        elif self.y < self.lines - 1:
            self.y += 1

    def _scroll(self, count):
        region = self.rows[self.top:self.bottom + 1]
        blank = [self._blanks(self.columns) for _ in range(min(abs(count), len(region)))]
        region = region[count:] + blank if count > 0 else blank + region[:count]
        self.rows[self.top:self.bottom + 1] = region

    def _control(self, control):
        if control == "\r":
            self.x = 0
        elif control == "\n":
            self._line_feed()
        elif control == "\b":
            self.x = max(0, self.x - 1)
        elif control == "\t":
            self.x = min(self.columns - 1, (self.x // 8 + 1) * 8)

    def _escape(self, letter):
        if letter == "M":
            if self.y == self.top:
                self._scroll(-1)
            else:
                self.y -= 1
        elif letter not in "=>78\\":
            self.unknown.append(f"ESC {letter}")

    def _sequence(self, mark, numbers, final):
        values = [int(n) if n else 0 for n in re.split("[;:]", numbers)] if numbers else []
        first = values[0] if values else 0
        count = max(1, first)
        row = self.rows[self.y]
        if mark:
            if final not in "hlcmpq":
                self.unknown.append(f"CSI {mark}{numbers}{final}")
        elif final in "Hf":
            self.y = min(self.lines, max(1, first)) - 1
            self.x = min(self.columns, max(1, values[1] if len(values) > 1 else 1)) - 1
        elif final == "A":
            self.y = max(0, self.y - count)
        elif final == "B":
            self.y = min(self.lines - 1, self.y + count)
        elif final == "C":
            self.x = min(self.columns - 1, self.x + count)
        elif final == "D":
            self.x = max(0, self.x - count)
        elif final == "G":
            self.x = min(self.columns, count) - 1
        elif final == "d":
            self.y = min(self.lines, count) - 1
        elif final == "K":
            begin, end = {0: (self.x, self.columns), 1: (0, self.x + 1), 2: (0, self.columns)}[first]
            row[begin:end] = self._blanks(end - begin)
        elif final == "J":
            begin, end = {0: (self.y + 1, self.lines), 1: (0, self.y), 2: (0, self.lines), 3: (0, 0)}[first]
            if first == 0:
                row[self.x:] = self._blanks(self.columns - self.x)
            if first == 1:
                row[:self.x + 1] = self._blanks(self.x + 1)
            for y in range(begin, end):
                self.rows[y] = self._blanks(self.columns)
        elif final == "X":
            end = min(self.columns, self.x + count)
            row[self.x:end] = self._blanks(end - self.x)
        elif final == "P":
            del row[self.x:self.x + count]
            row += self._blanks(self.columns - len(row))
        elif final == "@":
            row[self.x:self.x] = self._blanks(count)
            del row[self.columns:]
        elif final in "LM":
            top, self.top = self.top, self.y
            self._scroll(-count if final == "L" else count)
            self.top = top
        elif final in "ST":
            self._scroll(count if final == "S" else -count)
        elif final == "b":
            for _ in range(count):
                self._put(self.last)
        elif final == "r":
            self.top = max(1, first) - 1
            self.bottom = (values[1] if len(values) > 1 and values[1] else self.lines) - 1
            self.x = self.y = 0
        elif final == "m":
            self._colour(values or [0])
        elif final not in "hlctn":
            self.unknown.append(f"CSI {numbers}{final}")

    def _colour(self, values):
        at = 0
        while at < len(values):
            value = values[at]
            if value == 0:
                self.style = dict(PLAIN)
            elif value in (1, 2, 4, 7):
                self.style[{1: "bold", 2: "dim", 4: "underline", 7: "reverse"}[value]] = True
            elif value == 22:
                self.style["bold"] = self.style["dim"] = False
            elif value in (24, 27):
                self.style[{24: "underline", 27: "reverse"}[value]] = False
            elif 30 <= value <= 37 or 90 <= value <= 97:
                self.style["fg"] = value - 30 if value < 90 else value - 82
            elif 40 <= value <= 47 or 100 <= value <= 107:
                self.style["bg"] = value - 40 if value < 100 else value - 92
            elif value == 39:
                self.style["fg"] = None
            elif value == 49:
                self.style["bg"] = None
            elif value in (38, 48) and values[at + 1:at + 2] == [5]:
                self.style["fg" if value == 38 else "bg"] = values[at + 2]
                at += 2
            else:
                self.unknown.append(f"colour {values}")
            at += 1


class Terminal:
    """A program on a pty of its own. Use as a context: it is ended, by its pid, at the end."""

    def __init__(self, argv, columns=80, lines=24, term="xterm-256color"):
        self.screen = Screen(columns, lines)
        self.lock = threading.Lock()
        self.bytes = 0
        self.status = None
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            env = dict(os.environ, TERM=term, LC_ALL="C.UTF-8")
            for name in ("NO_COLOR", "COLUMNS", "LINES"):
                env.pop(name, None)
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
            os.execvpe(argv[0], argv, env)
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        decoder_rest = b""
        while True:
            try:
                data = os.read(self.fd, 65536)
            except OSError as error:
                if error.errno == errno.EIO:  # the other side is closed
                    return
                raise
            if not data:
                return
            data = decoder_rest + data
            decoder_rest = b""
            try:
                text = data.decode()
            except UnicodeDecodeError as error:
                if len(data) - error.start < 4:  # a character that is cut in two
                    text, decoder_rest = data[:error.start].decode(), data[error.start:]
                else:
                    text = data.decode("utf-8", "replace")
            with self.lock:
                self.bytes += len(data)
                self.screen.feed(text)

    def text(self):
        with self.lock:
            if self.screen.unknown:
                raise support.Failure(f"the test's terminal does not know {self.screen.unknown[:5]}")
            return "\n".join(self.screen.text())

    def wait_for(self, pattern, what, timeout_s=support.WAIT_S):
        """Until the screen shows it; returns the match."""
        try:
            return support.wait_until(lambda: re.search(pattern, self.text(), re.M), what, timeout_s)
        except support.Failure as failure:
            raise support.Failure(f"{failure}; the screen was:\n{self.text()}") from None

    def type(self, keys):
        os.write(self.fd, keys.encode())

    def resize(self, columns, lines):
        with self.lock:
            self.screen.resize(columns, lines)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def wait(self, timeout_s=support.WAIT_S):
        """The exit status."""

        def ended():
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
            return self.status is not None

        if self.status is None:
            support.wait_until(ended, "the program on the terminal to end", timeout_s)
        self.thread.join(support.WAIT_S)
        return self.status

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            self.wait()
        os.close(self.fd)


PALETTE = ["#2e3436", "#ef5350", "#8ae234", "#fce94f", "#3465a4", "#ad7fa8", "#56d4dd", "#e6e6e6"]


def draw(screen, path, font_size=15):
    """The screen as a picture (PNG). Needs Debian's python3-matplotlib, for its font and for what it draws with."""
    import matplotlib
    from PIL import Image, ImageDraw, ImageFont
    folder = os.path.join(matplotlib.get_data_path(), "fonts", "ttf")
    fonts = {bold: ImageFont.truetype(os.path.join(folder, name), font_size)
             for bold, name in ((False, "DejaVuSansMono.ttf"), (True, "DejaVuSansMono-Bold.ttf"))}
    width, height = fonts[False].getlength("M"), font_size + 4
    margin = 10
    picture = Image.new("RGB", (int(screen.columns * width) + 2 * margin, screen.lines * height + 2 * margin), "#1d1f21")
    canvas = ImageDraw.Draw(picture)
    for y, row in enumerate(screen.rows):
        for x, (character, style) in enumerate(row):
            ink = PALETTE[style["fg"] % 8] if style["fg"] is not None else "#d0d0d0"
            paper = PALETTE[style["bg"] % 8] if style["bg"] is not None else "#1d1f21"
            if style["reverse"]:
                ink, paper = paper, ink
            if style["dim"]:
                ink = "#8a8a8a" if not style["reverse"] else ink
            left, top = margin + x * width, margin + y * height
            canvas.rectangle((left, top, left + width, top + height - 1), fill=paper)
            if character != " ":
                canvas.text((left, top + 1), character, font=fonts[style["bold"]], fill=ink)
            if style["underline"]:
                canvas.line((left, top + height - 2, left + width, top + height - 2), fill=ink)
    picture.save(path)
