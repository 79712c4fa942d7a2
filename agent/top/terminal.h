// Terminal: a grid on the screen and keys from the keyboard, by ncurses. One at a time, one thread. The screen is given
// back by the destructor, at Ctrl-C and SIGTERM.
#pragma once

#include <memory>

#include "agent/base/result.h"
#include "agent/top/dialog.h"
#include "agent/top/grid.h"

namespace tiercel::top {

class Terminal {
 public:
  // colour: false: bold, dim and reverse only. Errors (Fault::kUser): $TERM is unknown here.
  static Result<std::unique_ptr<Terminal>> open(bool colour);
  virtual ~Terminal() = default;
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  [[nodiscard]] virtual Grid blank() const = 0;  // as big as the terminal is now
  virtual void show(const Grid& grid) = 0;
  // Waits up to timeout_ms for a key; Kind::kNone: none came.
  [[nodiscard]] virtual Key read(int timeout_ms) = 0;

 protected:
  Terminal() = default;
};

}  // namespace tiercel::top
