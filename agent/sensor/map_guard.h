// MapGuard: whether the maps that the sensor's programs read still hold what the agent wrote there. Root can write to
// them (`bpftool map update`), and so switch off what is told without taking a hook away. What was changed is put
// right. A piece is memory that the kernel shares with us, or an entry that is read and written by functions.
//
// Any thread. The agent's own writes go through change(), which keeps check() away while it lives: otherwise a check in
// between would take the new for somebody else's and put the old back.
#pragma once

#include <cstddef>
#include <functional>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace tiercel::sensor {

class MapGuard {
 public:
  using Bytes = std::vector<std::byte>;
  struct Access {
    std::function<bool(Bytes& into)> read;         // false: the map is not to be read; `into` has the piece's size
    std::function<bool(const Bytes& from)> write;  // false: nor to be written
  };

  void guard(const std::string& name, Access access, size_t size_bytes);
  void guard_memory(const std::string& name, std::span<volatile std::byte> memory);
  void forget(const std::string& name);

  class Change {
   public:
    explicit Change(MapGuard& guard) : guard_(guard), lock_(guard.mutex_) { guard.look(); }
    ~Change() { guard_.take_note(); }
    Change(const Change&) = delete;
    Change& operator=(const Change&) = delete;

   private:
    MapGuard& guard_;
    std::unique_lock<std::mutex> lock_;
  };
  // What is there at its end is what has to be there.
  [[nodiscard]] Change change() { return Change(*this); }

  struct Finding {
    std::string name;
    size_t bytes = 0;  // that differed; 0: the map is not to be read any more
    bool restored = false;
  };
  [[nodiscard]] std::vector<Finding> check();

 private:
  struct Piece {
    std::string name;
    Access access;
    Bytes wanted;
    bool lost = false;  // told that it is not to be read
  };
  void take_note();
  void look();  // before a change of ours hides another's
  std::mutex mutex_;
  std::vector<Piece> pieces_;   // under mutex_
  std::vector<Finding> found_;  // under mutex_
};

}  // namespace tiercel::sensor
