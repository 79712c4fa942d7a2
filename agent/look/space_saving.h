// SpaceSaving: the most frequent keys of a stream in bounded memory (Metwally, Agrawal, El Abbadi, "Efficient
// Computation of Frequent and Top-k Elements in Data Streams", ICDT 2005). A key that finds no room takes the place of
// the rarest one and inherits its count, so whoever is frequent gets in and stays. What a row really saw is count -
// inherited: never too much, and exact while nothing was evicted. One thread; nothing is allocated after the
// constructor but by Facts.
#pragma once

#include <bit>
#include <cstdint>
#include <utility>
#include <vector>

namespace tiercel::look {

template <class Key, class Facts, class Hash>
class SpaceSaving {
 public:
  struct Row {
    Key key{};
    Facts facts{};  // of the key, since it has this row
    uint64_t count = 0, inherited = 0;
    [[nodiscard]] uint64_t seen() const { return count - inherited; }
  };

  explicit SpaceSaving(size_t capacity) : capacity_(capacity), table_(std::bit_ceil(capacity * 4), kNone) {
    rows_.reserve(capacity);
    heap_.reserve(capacity);
    place_.reserve(capacity);
  }

  // Counts one event of the key; its row's facts are empty when it is new.
  Row& add(const Key& key) {
    size_t at = home(key);
    for (; table_[at] != kNone; at = next(at))
      if (rows_[table_[at]].key == key) {
        Row& row = rows_[table_[at]];
        ++row.count;
        sink(place_[table_[at]]);
        return row;
      }
    if (rows_.size() < capacity_) {
      const auto index = static_cast<uint32_t>(rows_.size());
      rows_.push_back({key, {}, 1, 0});
      table_[at] = index;
      heap_.push_back(index);
      place_.push_back(index);
      rise(index);
      return rows_[index];
    }
    const uint32_t index = heap_.front();  // the rarest
    Row& row = rows_[index];
    forget(row.key);
    ++evicted_;
    row = {key, {}, row.count + 1, row.count};
    for (at = home(key); table_[at] != kNone; at = next(at)) {
    }
    table_[at] = index;
    sink(0);
    return row;
  }

  [[nodiscard]] const std::vector<Row>& rows() const { return rows_; }
  [[nodiscard]] uint64_t evicted() const { return evicted_; }

 private:
  static constexpr uint32_t kNone = UINT32_MAX;
  [[nodiscard]] size_t home(const Key& key) const {
    // The upper bits: Hash may be as simple as a number.
    return static_cast<size_t>(static_cast<uint64_t>(Hash{}(key)) * 0x9e3779b97f4a7c15ull >> 32) & (table_.size() - 1);
  }
  [[nodiscard]] size_t next(size_t at) const { return (at + 1) & (table_.size() - 1); }

  // Linear probing without gravestones: what came behind the gap moves up where its way leads over it.
  void forget(const Key& key) {
    size_t gap = home(key);
    while (!(rows_[table_[gap]].key == key)) gap = next(gap);
    for (size_t at = next(gap); table_[at] != kNone; at = next(at)) {
      const size_t distance = (at - home(rows_[table_[at]].key)) & (table_.size() - 1);
      if (distance < ((at - gap) & (table_.size() - 1))) continue;
      table_[gap] = table_[at];
      gap = at;
    }
    table_[gap] = kNone;
  }

  // The heap has the rarest on top: a frequent key is a leaf and moves no more.
  void sink(uint32_t at) {
    for (;;) {
      uint32_t least = at;
      for (uint32_t child : {2 * at + 1, 2 * at + 2})
        if (child < heap_.size() && rows_[heap_[child]].count < rows_[heap_[least]].count) least = child;
      if (least == at) return;
      exchange(at, least);
      at = least;
    }
  }
  void rise(uint32_t at) {
    while (at > 0 && rows_[heap_[at]].count < rows_[heap_[(at - 1) / 2]].count) {
      exchange(at, (at - 1) / 2);
      at = (at - 1) / 2;
    }
  }
  void exchange(uint32_t a, uint32_t b) {
    std::swap(heap_[a], heap_[b]);
    place_[heap_[a]] = a;
    place_[heap_[b]] = b;
  }

  size_t capacity_;
  std::vector<Row> rows_;
  std::vector<uint32_t> table_;  // open addressing: indexes of rows
  std::vector<uint32_t> heap_;   // indexes of rows
  std::vector<uint32_t> place_;  // by row: where in the heap
  uint64_t evicted_ = 0;
};

}  // namespace tiercel::look
