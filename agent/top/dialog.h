// Dialog: what the full-screen `tiercel top` shows and how keys change it, apart from any terminal. One thread.
#pragma once

#include <array>
#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "agent/top/figures.h"
#include "agent/top/grid.h"

namespace tiercel::top {

struct Key {
  enum class Kind {
    kNone,
    kCharacter,
    kUp,
    kDown,
    kLeft,
    kRight,
    kPageUp,
    kPageDown,
    kHome,
    kEnd,
    kTab,
    kBackTab,
    kEnter,
    kEscape,
    kBackspace,
    kResize
  };
  Kind kind = Kind::kNone;
  std::string character;  // UTF-8
};

class Dialog {
 public:
  static constexpr double kIntervalLeastS = 0.2, kIntervalMostS = 60;

  Dialog(View view, double interval_s) : view_(view), interval_s_(interval_s) {
    for (size_t n = 0; n < kViews; ++n) tabs_[n].sort = shapes()[n].sort_first;
  }

  // New figures; while paused they are only kept for the curves.
  void take(Figures figures);
  // The agent does not answer: said above the last figures, until the next ones come.
  void trouble(std::string message) { trouble_ = std::move(message); }
  // False: the user is done.
  [[nodiscard]] bool handle(const Key& key);
  void draw(Grid& grid);

  [[nodiscard]] double interval_s() const { return interval_s_; }
  [[nodiscard]] bool paused() const { return paused_; }

 private:
  struct Tab {
    size_t sort = 0;
    bool reversed = false;
    size_t first = 0;  // row at the top of the table
  };
  [[nodiscard]] Tab& tab() { return tabs_[static_cast<size_t>(view_)]; }
  [[nodiscard]] const Tab& tab() const { return tabs_[static_cast<size_t>(view_)]; }
  [[nodiscard]] std::vector<Row> rows() const;  // filtered, sorted
  bool handle_filter(const Key& key);
  bool handle_character(char c);
  void turn(int step);  // to another view
  void sort_by(int step);
  void scroll(long rows);

  [[nodiscard]] size_t draw_head(Grid& grid) const;  // returns the line behind it
  void draw_title(Grid& grid) const;
  void draw_agent(Grid& grid) const;
  void draw_curve(Grid& grid, size_t x, size_t y, const std::deque<double>& values) const;
  void draw_tabs(Grid& grid, size_t y, size_t rows) const;
  void draw_table(Grid& grid, size_t y, const std::vector<Row>& rows) const;
  void draw_foot(Grid& grid) const;
  void draw_help(Grid& grid) const;

  View view_;
  double interval_s_;
  std::optional<Figures> figures_;
  std::deque<double> events_, alerts_;  // per second, newest last
  std::string trouble_;
  std::array<Tab, kViews> tabs_;
  std::string filter_, filter_before_;
  bool typing_ = false, paused_ = false, help_ = false;
  size_t page_ = 10, width_ = 80;  // rows of the table and columns of the screen when it was last drawn
};

}  // namespace tiercel::top
