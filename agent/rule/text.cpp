#include "agent/rule/text.h"

#include <algorithm>

namespace tiercel::rule {

void MappedText::add_segment(const Mark& mark, bool advances) {
  if (!segments_.empty()) {
    const Segment& last = segments_.back();
    const int expected = last.mark.column + (last.advances ? static_cast<int>(text_.size() - last.offset) : 0);
    if (last.advances == advances && last.mark.file == mark.file && last.mark.line == mark.line &&
        expected == mark.column)
      return;
  }
  segments_.push_back({text_.size(), mark, advances});
}

void MappedText::append_char(char c, const Mark& mark) {
  add_segment(mark, true);
  text_.push_back(c);
}

void MappedText::append(std::string_view text, const Mark& mark) {
  if (text.empty()) return;
  add_segment(mark, true);
  text_.append(text);
}

void MappedText::append_fixed(std::string_view text, const Mark& mark) {
  if (text.empty()) return;
  add_segment(mark, false);
  text_.append(text);
}

void MappedText::append(const MappedText& other, size_t begin, size_t count) {
  const size_t end =
      std::min(other.size(), count > other.size() - std::min(begin, other.size()) ? other.size() : begin + count);
  auto it = std::upper_bound(other.segments_.begin(), other.segments_.end(), begin,
                             [](size_t at, const Segment& s) { return at < s.offset; });
  if (it != other.segments_.begin()) --it;
  while (begin < end && it != other.segments_.end()) {
    auto next = it + 1;
    const size_t stop = next == other.segments_.end() ? end : std::min(end, next->offset);
    Mark mark = it->mark;
    if (it->advances) mark.column += static_cast<int>(begin - it->offset);
    const std::string_view piece = std::string_view(other.text_).substr(begin, stop - begin);
    if (it->advances)
      append(piece, mark);
    else
      append_fixed(piece, mark);
    begin = stop;
    it = next;
  }
}

MappedText MappedText::substr(size_t begin, size_t count) const {
  MappedText out;
  if (begin < size()) out.append(*this, begin, count);
  return out;
}

MappedText MappedText::trimmed() const {
  size_t begin = 0, end = size();
  while (begin < end && is_blank(text_[begin])) ++begin;
  while (end > begin && is_blank(text_[end - 1])) --end;
  return substr(begin, end - begin);
}

Mark MappedText::mark_at(size_t offset) const {
  if (segments_.empty()) return {};
  if (offset >= size() && size() > 0) offset = size() - 1;
  const Segment& segment = segment_at(offset);
  Mark mark = segment.mark;
  if (segment.advances) mark.column += static_cast<int>(offset - segment.offset);
  return mark;
}

bool MappedText::is_written(size_t offset) const {
  return !segments_.empty() && segment_at(offset).advances;
}

const MappedText::Segment& MappedText::segment_at(size_t offset) const {
  auto it = std::upper_bound(segments_.begin(), segments_.end(), offset,
                             [](size_t at, const Segment& s) { return at < s.offset; });
  if (it != segments_.begin()) --it;
  return *it;
}

}  // namespace tiercel::rule
