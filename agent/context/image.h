// Making an Image from what an exec record or /proc says. Pure.
#pragma once

#include <memory>
#include <string_view>

#include "agent/context/process.h"
#include "decoders/record.h"

namespace tiercel::context {

// argv from NUL-separated bytes; the arguments are joined by blanks, as Falco does. A program may have rewritten its
// area without a NUL at the end.
void set_argv(Image& image, std::string_view nul_separated);
// "/usr/bin/x (deleted)" -> "/usr/bin/x"
[[nodiscard]] std::string_view without_deleted(std::string_view path);
[[nodiscard]] std::shared_ptr<Image> make_image(const decoders::Record& record, const ev_exec& exec);
[[nodiscard]] std::string comm_of(const ev_head& head);

}  // namespace tiercel::context
