// What the tests of Falco's configuration and command line share: files that go away, loads with an environment.
#pragma once

#include <doctest/doctest.h>

#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/falco/load.h"
#include "siem_support.h"

namespace tiercel::falco::test {

using siem::test::TempDir;

inline void write(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

inline config::Environment with(std::map<std::string, std::string> variables) {
  return [variables = std::move(variables)](const std::string& name) -> std::optional<std::string> {
    auto it = variables.find(name);
    if (it == variables.end()) return std::nullopt;
    return it->second;
  };
}

inline bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// A load of one text, and what it said.
struct Load {
  Diagnostics diagnostics;
  std::optional<Settings> settings;
  std::string said;

  explicit Load(const std::string& text, const std::vector<std::string>& options = {},
                const config::Environment& environment = with({})) {
    const TempDir dir;
    const std::string path = dir / "falco.yaml";
    write(path, text);
    run({path, options}, environment);
    for (size_t at; (at = said.find(path)) != std::string::npos;) said.replace(at, path.size(), "f.yaml");
  }
  explicit Load(const Request& request, const config::Environment& environment = with({})) {
    run(request, environment);
  }
  const config::Config* operator->() const {
    REQUIRE_MESSAGE(settings, said);
    return &settings->config;
  }
  [[nodiscard]] bool quiet() const { return diagnostics.all().empty(); }

 private:
  void run(const Request& request, const config::Environment& environment) {
    settings = load(request, diagnostics, environment);
    said = diagnostics.render_all();
  }
};

}  // namespace tiercel::falco::test
