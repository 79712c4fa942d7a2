#include "agent/rule/services.h"

#include <charconv>
#include <fstream>
#include <map>
#include <sstream>

namespace tiercel::rule {
namespace {

struct Services {
  std::map<uint32_t, std::string> names;  // port * 2 + udp
  std::map<std::string, uint16_t, std::less<>> ports;
};

const Services& services() {
  static const Services loaded = [] {
    Services out;
    std::ifstream file("/etc/services");
    for (std::string line; std::getline(file, line);) {
      line.resize(std::min(line.find('#'), line.size()));
      std::istringstream words(line);
      std::string name, where, alias;
      if (!(words >> name >> where)) continue;
      const size_t slash = where.find('/');
      uint16_t port = 0;
      auto [end, code] = std::from_chars(where.data(), where.data() + std::min(slash, where.size()), port);
      if (slash == std::string::npos || code != std::errc() || end != where.data() + slash) continue;
      const bool udp = where.substr(slash + 1) == "udp";
      out.names.try_emplace(port * 2u + udp, name);
      out.ports.try_emplace(name, port);
      while (words >> alias) out.ports.try_emplace(alias, port);
    }
    return out;
  }();
  return loaded;
}

}  // namespace

std::string_view service_name(uint16_t port, bool udp) {
  auto it = services().names.find(port * 2u + udp);
  return it == services().names.end() ? std::string_view() : std::string_view(it->second);
}

std::optional<uint16_t> service_port(std::string_view name) {
  auto it = services().ports.find(name);
  if (it == services().ports.end()) return std::nullopt;
  return it->second;
}

}  // namespace tiercel::rule
