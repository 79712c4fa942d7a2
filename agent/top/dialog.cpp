#include "agent/top/dialog.h"

#include <algorithm>
#include <cctype>
#include <utility>

namespace tiercel::top {
namespace {

constexpr size_t kCurve = 120;  // values kept
constexpr size_t kFilterMost = 60;

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

bool holds(const Row& row, const std::string& wanted) {
  return std::any_of(row.values.begin(), row.values.end(),
                     [&](const Value& value) { return lower(value.text).find(wanted) != std::string::npos; });
}

void keep(std::deque<double>& values, double value) {
  values.push_back(value);
  if (values.size() > kCurve) values.pop_front();
}

}  // namespace

void Dialog::take(Figures figures) {
  trouble_.clear();
  keep(events_, figures.events_per_s);
  keep(alerts_, figures.alerts_per_s);
  if (!paused_) figures_ = std::move(figures);
}

std::vector<Row> Dialog::rows() const {
  std::vector<Row> out;
  if (!figures_) return out;
  const std::string wanted = lower(filter_);
  for (const Row& row : figures_->table(view_))
    if (wanted.empty() || holds(row, wanted)) out.push_back(row);
  sort_rows(out, view_, tab().sort, tab().reversed);
  return out;
}

bool Dialog::handle(const Key& key) {
  using Kind = Key::Kind;
  if (key.kind == Kind::kNone || key.kind == Kind::kResize) return true;
  if (help_) {
    help_ = false;
    return true;
  }
  if (typing_) return handle_filter(key);
  switch (key.kind) {
    case Kind::kCharacter:
      return key.character.size() != 1 || handle_character(key.character.front());
    case Kind::kUp:
      scroll(-1);
      break;
    case Kind::kDown:
      scroll(1);
      break;
    case Kind::kPageUp:
      scroll(-static_cast<long>(page_));
      break;
    case Kind::kPageDown:
      scroll(static_cast<long>(page_));
      break;
    case Kind::kHome:
      tab().first = 0;
      break;
    case Kind::kEnd:
      scroll(static_cast<long>(rows().size()));
      break;
    case Kind::kLeft:
    case Kind::kBackTab:
      turn(-1);
      break;
    case Kind::kRight:
    case Kind::kTab:
      turn(1);
      break;
    case Kind::kEscape:
      filter_.clear();
      break;
    default:
      break;
  }
  return true;
}

bool Dialog::handle_character(char c) {
  if (c >= '1' && c < '1' + static_cast<char>(kViews)) view_ = static_cast<View>(c - '1');
  switch (c) {
    case 'q':
    case 'Q':
      return false;
    case 'h':
    case '?':
      help_ = true;
      break;
    case 'p':
    case ' ':
      paused_ = !paused_;
      break;
    case '/':
      filter_before_ = filter_;
      typing_ = true;
      break;
    case 's':
    case '>':
      sort_by(1);
      break;
    case 'S':
    case '<':
      sort_by(-1);
      break;
    case 'r':
      tab().reversed = !tab().reversed;
      break;
    case 'j':
      scroll(1);
      break;
    case 'k':
      scroll(-1);
      break;
    case '+':
      interval_s_ = std::min(kIntervalMostS, interval_s_ * 2);
      break;
    case '-':
      interval_s_ = std::max(kIntervalLeastS, interval_s_ / 2);
      break;
    default:
      break;
  }
  return true;
}

bool Dialog::handle_filter(const Key& key) {
  switch (key.kind) {
    case Key::Kind::kEnter:
      typing_ = false;
      break;
    case Key::Kind::kEscape:
      filter_ = filter_before_;
      typing_ = false;
      break;
    case Key::Kind::kBackspace:
      while (!filter_.empty() && (static_cast<unsigned char>(filter_.back()) & 0xC0) == 0x80) filter_.pop_back();
      if (!filter_.empty()) filter_.pop_back();
      break;
    case Key::Kind::kCharacter:
      if (filter_.size() + key.character.size() <= kFilterMost) filter_ += key.character;
      break;
    default:
      break;
  }
  tab().first = 0;
  return true;
}

void Dialog::turn(int step) {
  view_ = static_cast<View>((static_cast<size_t>(view_) + kViews + static_cast<size_t>(step)) % kViews);
}

// By the next column that is on the screen.
void Dialog::sort_by(int step) {
  const std::vector<Column>& columns = shape_of(view_).columns;
  do {
    tab().sort = (tab().sort + columns.size() + static_cast<size_t>(step)) % columns.size();
  } while (columns[tab().sort].from > width_);
  tab().reversed = false;
  tab().first = 0;
}

void Dialog::scroll(long step) {
  const auto all = static_cast<long>(rows().size());
  const long last = std::max(0L, all - static_cast<long>(page_));
  tab().first = static_cast<size_t>(std::clamp(static_cast<long>(tab().first) + step, 0L, last));
}

}  // namespace tiercel::top
