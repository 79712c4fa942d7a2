// A process's standard descriptors as a case writes them: "/dev/null", "pipe", "socket 10.0.0.5:40000->10.0.0.9:443".
// Used by process_reader.cpp only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "agent/casefile/case.h"
#include "decoders/compose.h"

namespace tiercel::casefile {

// number: 0, 1 or 2. Without an inode number in the text, what is written alike is the same object; each `pipe` of a
// process is one of its own.
[[nodiscard]] decoders::Composed<DescriptorSpec> parse_descriptor(std::string_view text, unsigned number);

}  // namespace tiercel::casefile
