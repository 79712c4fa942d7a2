#include "agent/context/path.h"

namespace tiercel::context {
namespace {

constexpr std::string_view kUnknownBase = "<UNKNOWN>";

void append_clean(std::string& out, std::string_view path) {
  while (!path.empty()) {
    const size_t slash = path.find('/');
    const std::string_view part = path.substr(0, slash);
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      const size_t up = out.rfind('/');
      if (up != std::string::npos) out.resize(up);
      continue;
    }
    out += '/';
    out += part;
  }
}

}  // namespace

bool is_clean(std::string_view raw) {
  if (raw.empty() || raw.front() != '/') return false;
  if (raw.size() == 1) return true;
  for (size_t slash = 0; slash != std::string_view::npos; slash = raw.find('/', slash + 1)) {
    const std::string_view rest = raw.substr(slash + 1);
    if (rest.empty() || rest.front() == '/') return false;
    if (rest.front() != '.') continue;
    const size_t dots = rest.starts_with("..") ? 2 : 1;
    if (rest.size() == dots || rest[dots] == '/') return false;
  }
  return true;
}

std::string absolute_path(std::string_view base, std::string_view raw) {
  std::string out;
  if (raw.empty() || raw.front() != '/') {
    if (base.empty()) return std::string(kUnknownBase).append(raw);
    append_clean(out, base);
  }
  append_clean(out, raw);
  return out.empty() ? "/" : out;
}

}  // namespace tiercel::context
