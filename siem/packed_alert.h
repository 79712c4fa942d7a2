// An Alert as bytes, for the spool's file, and back. A checksum tells a damaged row from a whole one, since SQLite does
// not look into what it stores. Pure; any thread. Hostile bytes are welcome: a row is whole or nothing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "agent/alert/alert.h"

namespace tiercel::siem {

// Rows of the version before, which had no refused_by, are read as well. Of the renderings only those in `parts`
// (spool.h) are kept.
[[nodiscard]] std::string pack(const alert::Alert& alert, uint8_t parts);
[[nodiscard]] alert::AlertPtr unpack(std::string_view bytes);  // null: damaged

// Of what stands behind a row's version and checksum.
[[nodiscard]] uint64_t packed_checksum(std::string_view bytes);

}  // namespace tiercel::siem
