#include "agent/top/terminal.h"

#include <langinfo.h>
#include <unistd.h>

#include <climits>
#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <cwchar>
#include <string>
#include <string_view>

#define NCURSES_NOMACROS 1  // macros know no namespaces
#define NCURSES_WIDECHAR 1
#include <curses.h>

namespace tiercel::top {
namespace {

enum Pair : short { kPairAlarm = 1, kPairGood, kPairTitle, kPairTab };

attr_t attributes_of(Style style, bool colour) {
  const auto in = [colour](Pair pair) -> attr_t { return colour ? static_cast<attr_t>(COLOR_PAIR(pair)) : 0; };
  switch (style) {
    case Style::kPlain:
      return A_NORMAL;
    case Style::kBold:
      return A_BOLD;
    case Style::kDim:
    case Style::kHint:
      return A_DIM;
    case Style::kAlarm:
      return A_BOLD | in(kPairAlarm);
    case Style::kGood:
      return in(kPairGood);
    case Style::kTitle:
      return colour ? A_BOLD | in(kPairTitle) : A_REVERSE;
    case Style::kTab:
      return in(kPairTab);
    case Style::kTabOn:
      return A_BOLD | A_REVERSE | in(kPairTab);
    case Style::kHeading:
      return A_REVERSE;
    case Style::kSorted:
      return A_REVERSE | A_BOLD | A_UNDERLINE;
  }
  return A_NORMAL;
}

Key::Kind kind_of(wint_t code) {
  using Kind = Key::Kind;
  switch (code) {
    case KEY_UP:
      return Kind::kUp;
    case KEY_DOWN:
      return Kind::kDown;
    case KEY_LEFT:
      return Kind::kLeft;
    case KEY_RIGHT:
      return Kind::kRight;
    case KEY_PPAGE:
      return Kind::kPageUp;
    case KEY_NPAGE:
      return Kind::kPageDown;
    case KEY_HOME:
      return Kind::kHome;
    case KEY_END:
      return Kind::kEnd;
    case KEY_BTAB:
      return Kind::kBackTab;
    case KEY_ENTER:
      return Kind::kEnter;
    case KEY_BACKSPACE:
      return Kind::kBackspace;
    case KEY_RESIZE:
      return Kind::kResize;
    default:
      return Kind::kNone;
  }
}

std::string utf8_of(wint_t code) {
  char bytes[MB_LEN_MAX];
  std::mbstate_t state{};
  const size_t size = std::wcrtomb(bytes, static_cast<wchar_t>(code), &state);
  return size == static_cast<size_t>(-1) ? "" : std::string(bytes, size);
}

class Curses final : public Terminal {
 public:
  Curses(SCREEN* screen, bool colour) : screen_(screen) {
    unicode_ = std::string_view(::nl_langinfo(CODESET)) == "UTF-8";
    ::cbreak();
    ::noecho();
    ::keypad(stdscr, TRUE);
    ::curs_set(0);
    ::set_escdelay(50);
    colour_ = colour && ::has_colors() && ::start_color() == OK;
    if (!colour_) return;
    ::use_default_colors();
    ::init_pair(kPairAlarm, COLOR_RED, -1);
    ::init_pair(kPairGood, COLOR_GREEN, -1);
    ::init_pair(kPairTitle, COLOR_WHITE, COLOR_BLUE);
    ::init_pair(kPairTab, COLOR_CYAN, -1);
  }
  ~Curses() override {
    ::endwin();
    ::delscreen(screen_);
  }

  [[nodiscard]] Grid blank() const override {
    int height = 0, width = 0;
    getmaxyx(stdscr, height, width);
    return {static_cast<size_t>(width), static_cast<size_t>(height), unicode_};
  }

  void show(const Grid& grid) override {
    ::erase();
    for (size_t y = 0; y < grid.height(); ++y)
      for (size_t x = 0; x < grid.width();) {
        const Style style = grid.at(x, y).style;
        std::string run;
        const size_t from = x;
        for (; x < grid.width() && grid.at(x, y).style == style; ++x) run += grid.at(x, y).glyph;
        ::attrset(static_cast<int>(attributes_of(style, colour_)));
        ::mvaddstr(static_cast<int>(y), static_cast<int>(from), run.c_str());
      }
    ::attrset(A_NORMAL);
    ::refresh();
  }

  Key read(int timeout_ms) override {
    ::timeout(timeout_ms);
    wint_t code = 0;
    const int got = ::get_wch(&code);
    if (got == ERR) return {};
    if (got == KEY_CODE_YES) {
      if (code == KEY_RESIZE) ::clearok(stdscr, TRUE);  // terminals differ in what they keep of the old screen
      return {kind_of(code), {}};
    }
    switch (code) {
      case '\t':
        return {Key::Kind::kTab, {}};
      case '\r':
      case '\n':
        return {Key::Kind::kEnter, {}};
      case 27:
        return {Key::Kind::kEscape, {}};
      case 8:
      case 127:
        return {Key::Kind::kBackspace, {}};
      case 12:  // Ctrl-L: something else wrote on the screen
        ::clearok(stdscr, TRUE);
        return {Key::Kind::kResize, {}};
      default:
        return code < ' ' ? Key{} : Key{Key::Kind::kCharacter, utf8_of(code)};
    }
  }

 private:
  SCREEN* screen_;
  bool unicode_ = false, colour_ = false;
};

}  // namespace

Result<std::unique_ptr<Terminal>> Terminal::open(bool colour) {
  std::setlocale(LC_CTYPE, "");
  SCREEN* screen = ::newterm(nullptr, stdout, stdin);
  if (screen == nullptr) {
    const char* term = std::getenv("TERM");
    return fail("this host knows no terminal of the type $TERM says (" + std::string(term ? term : "it is not set") +
                    "): try TERM=xterm or TERM=vt100, or use tiercel top --once",
                Fault::kUser);
  }
  return std::make_unique<Curses>(screen, colour);
}

}  // namespace tiercel::top
