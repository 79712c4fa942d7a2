// Lexical paths, as Falco makes fd.name: no file system is asked. Pure, any thread.
#pragma once

#include <string>
#include <string_view>

namespace tiercel::context {

// base + "/" + raw unless raw is absolute; "." and ".." and repeated slashes removed without looking at links.
// An unknown base gives "<UNKNOWN>" directly followed by the relative name, as Falco prints it.
[[nodiscard]] std::string absolute_path(std::string_view base, std::string_view raw);
// True if absolute_path() would give raw itself, whatever the base.
[[nodiscard]] bool is_clean(std::string_view raw);

}  // namespace tiercel::context
