// Plain: figures as text for pipes and as JSON for machines. Pure; any thread.
#pragma once

#include <optional>
#include <string>

#include "agent/top/figures.h"

namespace tiercel::top {

struct PlainOptions {
  std::optional<View> view;  // nothing: all
  size_t rows = 10;          // of each table; 0: all
};

[[nodiscard]] std::string figures_text(const Figures& figures, const PlainOptions& options);
// One line.
[[nodiscard]] std::string figures_json(const Figures& figures);

}  // namespace tiercel::top
