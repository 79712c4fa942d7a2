#include "agent/top/grid.h"

#include <wchar.h>

#include <algorithm>

namespace tiercel::top {
namespace {

struct Decoded {
  uint32_t code = 0;
  size_t size = 0;  // 0: no UTF-8
};

Decoded decode(std::string_view text) {
  const auto byte = [&](size_t n) { return static_cast<unsigned char>(text[n]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return {first, 1};
  const size_t size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < size) return {};
  uint32_t code = first & (0xFFu >> (size + 1));
  for (size_t n = 1; n < size; ++n) {
    if ((byte(n) & 0xC0) != 0x80) return {};
    code = code << 6 | (byte(n) & 0x3F);
  }
  constexpr uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  if (code < kLeast[size] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) return {};
  return {code, size};
}

}  // namespace

std::vector<Grid::Glyph> Grid::glyphs_of(std::string_view text) const {
  std::vector<Glyph> out;
  while (!text.empty()) {
    const Decoded one = decode(text);
    const std::string_view bytes = text.substr(0, std::max<size_t>(one.size, 1));
    text.remove_prefix(bytes.size());
    if (one.size == 0 || one.code < ' ' || one.code == 0x7F || (one.code >= 0x80 && !unicode_)) {
      out.push_back({"?", 1});
      continue;
    }
    // wcwidth() knows what is wide; it gives 0 for what joins the one before or turns the writing.
    const int columns = one.code < 0x80 ? 1 : ::wcwidth(static_cast<wchar_t>(one.code));
    if (columns == 0) continue;
    out.push_back(columns < 0 ? Glyph{"?", 1} : Glyph{std::string(bytes), static_cast<size_t>(columns)});
  }
  return out;
}

void Grid::put_glyphs(size_t x, size_t y, const std::vector<Glyph>& glyphs, Style style) {
  for (const Glyph& glyph : glyphs) {
    if (x + glyph.columns > width_) return;
    cells_[y * width_ + x] = {glyph.text, style};
    for (size_t n = 1; n < glyph.columns; ++n) cells_[y * width_ + x + n] = {"", style};
    x += glyph.columns;
  }
}

size_t Grid::put(size_t x, size_t y, std::string_view text, Style style, size_t most) {
  if (y >= height_ || x >= width_) return x;
  const size_t room = std::min(most, width_ - x);
  std::vector<Glyph> glyphs = glyphs_of(text);
  size_t columns = 0;
  for (const Glyph& glyph : glyphs) columns += glyph.columns;
  if (columns > room) {
    while (!glyphs.empty() && columns + 1 > room) {
      columns -= glyphs.back().columns;
      glyphs.pop_back();
    }
    if (room > 0) glyphs.push_back({unicode_ ? "…" : "~", 1}), ++columns;
  }
  put_glyphs(x, y, glyphs, style);
  return x + columns;
}

size_t Grid::put_end_of(size_t x, size_t y, std::string_view text, Style style, size_t most) {
  if (y >= height_ || x >= width_) return x;
  const size_t room = std::min(most, width_ - x);
  std::vector<Glyph> glyphs = glyphs_of(text);
  size_t columns = 0;
  for (const Glyph& glyph : glyphs) columns += glyph.columns;
  if (columns > room) {
    auto first = glyphs.begin();
    for (; first != glyphs.end() && columns + 1 > room; ++first) columns -= first->columns;
    glyphs.erase(glyphs.begin(), first);
    if (room > 0) glyphs.insert(glyphs.begin(), {unicode_ ? "…" : "~", 1}), ++columns;
  }
  put_glyphs(x, y, glyphs, style);
  return x + columns;
}

void Grid::put_right(size_t end, size_t y, std::string_view text, Style style, size_t most) {
  size_t columns = 0;
  for (const Glyph& glyph : glyphs_of(text)) columns += glyph.columns;
  columns = std::min(columns, most);
  put(end > columns ? end - columns : 0, y, text, style, columns);
}

void Grid::fill(size_t y, Style style) {
  if (y >= height_) return;
  for (size_t x = 0; x < width_; ++x) cells_[y * width_ + x] = {" ", style};
}

std::string Grid::line(size_t y) const {
  std::string out;
  for (size_t x = 0; x < width_; ++x) out += at(x, y).glyph;
  out.resize(out.find_last_not_of(' ') + 1);
  return out;
}

std::string Grid::text() const {
  std::string out;
  for (size_t y = 0; y < height_; ++y) out += line(y) + "\n";
  return out;
}

}  // namespace tiercel::top
