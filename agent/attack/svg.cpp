#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "agent/attack/coverage.h"

namespace tiercel::attack {
namespace {

constexpr size_t kColumnPx = 166, kGapPx = 6, kCellPx = 44, kHeadPx = 50, kTopPx = 62, kMarginPx = 16;
constexpr size_t kNameColumns = 26;  // of 11 px text in a cell
// From one rule to five and more; black or white text on it.
constexpr std::array<std::pair<const char*, const char*>, 5> kShades = {{{"#dbe9f6", "#10243a"},
                                                                         {"#b3d0ea", "#10243a"},
                                                                         {"#7fb0da", "#10243a"},
                                                                         {"#4489c2", "#ffffff"},
                                                                         {"#1f5f99", "#ffffff"}}};

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text)
    out += c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '"' ? "&quot;" : std::string(1, c);
  return out;
}

// In at most two lines.
std::pair<std::string, std::string> in_two(std::string_view name) {
  if (name.size() <= kNameColumns) return {std::string(name), {}};
  size_t at = name.rfind(' ', kNameColumns);
  if (at == std::string_view::npos) at = kNameColumns;
  std::string second(name.substr(name[at] == ' ' ? at + 1 : at));
  if (second.size() > kNameColumns) second = second.substr(0, kNameColumns - 3) + "...";
  return {std::string(name.substr(0, at)), second};
}

std::string text(size_t x, size_t y, const char* style, std::string_view content) {
  return fmt::format("<text x=\"{}\" y=\"{}\" {}>{}</text>\n", x, y, style, escaped(content));
}

std::string cell_at(size_t x, size_t y, const Cell& cell) {
  const auto& [fill, ink] = kShades[std::min(cell.rules.size(), kShades.size()) - 1];
  std::string title = fmt::format("{} {}:", cell.technique->id, cell.technique->name);
  for (const std::string& name : cell.rules) title += "\n" + name;
  const auto [first, second] = in_two(cell.technique->name);
  const std::string style = fmt::format("font-size=\"11\" fill=\"{}\"", ink);
  const std::string bold = style + " font-weight=\"bold\"";
  const std::string count = bold + " text-anchor=\"end\"";
  std::string out =
      fmt::format("<g><title>{}</title><rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"3\" fill=\"{}\"/>\n",
                  escaped(title), x, y, kColumnPx, kCellPx - 3, fill);
  out += text(x + 6, y + 13, bold.c_str(), cell.technique->id);
  out += text(x + kColumnPx - 6, y + 13, count.c_str(), std::to_string(cell.rules.size()));
  out += text(x + 6, y + 25, style.c_str(), first);
  if (!second.empty()) out += text(x + 6, y + 36, style.c_str(), second);
  return out + "</g>\n";
}

std::string column_at(size_t x, const Column& column) {
  std::string out =
      text(x, kTopPx + 12, "font-size=\"12\" font-weight=\"bold\" fill=\"#10243a\"", column.tactic->title);
  out += text(x, kTopPx + 28, "font-size=\"11\" fill=\"#566779\"",
              fmt::format("{} of {}, rules: {}", column.cells.size(), column.known, column.rules));
  for (size_t i = 0; i < column.cells.size(); ++i) out += cell_at(x, kTopPx + kHeadPx + i * kCellPx, column.cells[i]);
  return out;
}

}  // namespace

std::string to_svg(const Coverage& coverage) {
  size_t tallest = 0, shown = 0;
  std::string columns, none;
  for (const Column& column : coverage.columns) {
    if (column.cells.empty()) {
      none += std::string(none.empty() ? "" : ", ") + std::string(column.tactic->title);
      continue;
    }
    columns += column_at(kMarginPx + shown * (kColumnPx + kGapPx), column);
    tallest = std::max(tallest, column.cells.size());
    ++shown;
  }
  const size_t width = 2 * kMarginPx + std::max<size_t>(shown, 5) * (kColumnPx + kGapPx);
  const size_t height = kTopPx + kHeadPx + tallest * kCellPx + kMarginPx;
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" "
      "font-family=\"DejaVu Sans, Verdana, sans-serif\">\n<rect width=\"{0}\" height=\"{1}\" fill=\"#ffffff\"/>\n",
      width, height);
  out += text(kMarginPx, 26, "font-size=\"17\" font-weight=\"bold\" fill=\"#10243a\"",
              fmt::format("{} rules, {} techniques of ATT&CK {}", coverage.rules, coverage.techniques, version()));
  out += text(kMarginPx, 45, "font-size=\"11\" fill=\"#566779\"",
              "A number in a cell: rules that name the technique." +
                  (none.empty() ? std::string() : " No rule: " + none + "."));
  return out + columns + "</svg>\n";
}

}  // namespace tiercel::attack
