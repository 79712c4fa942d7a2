// Grid: a screen's worth of characters with styles, without a terminal: what is drawn can be looked at by a test, and
// Terminal only shows it. Texts may be any bytes: control characters, what is no UTF-8 and what would change the
// direction of writing are shown as "?" or left out. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tiercel::top {

enum class Style : uint8_t { kPlain, kBold, kDim, kAlarm, kGood, kTitle, kTab, kTabOn, kHeading, kSorted, kHint };

class Grid {
 public:
  struct Cell {
    std::string glyph = " ";  // UTF-8; empty: the right half of the one before
    Style style = Style::kPlain;
  };
  // unicode: false where the terminal's locale is no UTF-8; then only ASCII is shown.
  Grid(size_t width, size_t height, bool unicode)
      : width_(width), height_(height), unicode_(unicode), cells_(width * height) {}

  // Writes at most `most` columns from x on and never beyond the edge; what does not fit ends in "…" ("~" in ASCII).
  // Returns the column behind it.
  size_t put(size_t x, size_t y, std::string_view text, Style style = Style::kPlain, size_t most = SIZE_MAX);
  // Likewise, but what does not fit goes from the beginning: of a path or an image, the end says what it is.
  size_t put_end_of(size_t x, size_t y, std::string_view text, Style style, size_t most);
  // So that it ends before column `end`.
  void put_right(size_t end, size_t y, std::string_view text, Style style = Style::kPlain, size_t most = SIZE_MAX);
  void fill(size_t y, Style style);  // a whole line: blanks in that style

  [[nodiscard]] size_t width() const { return width_; }
  [[nodiscard]] size_t height() const { return height_; }
  [[nodiscard]] bool unicode() const { return unicode_; }
  [[nodiscard]] const Cell& at(size_t x, size_t y) const { return cells_[y * width_ + x]; }
  [[nodiscard]] std::string line(size_t y) const;  // without blanks at the end
  [[nodiscard]] std::string text() const;          // all lines

 private:
  struct Glyph {
    std::string text;
    size_t columns = 1;
  };
  [[nodiscard]] std::vector<Glyph> glyphs_of(std::string_view text) const;
  void put_glyphs(size_t x, size_t y, const std::vector<Glyph>& glyphs, Style style);

  size_t width_, height_;
  bool unicode_;
  std::vector<Cell> cells_;
};

}  // namespace tiercel::top
