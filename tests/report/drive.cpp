// The report's page of alerts that a test made: lines "TIME_NS TAB EVENT" on standard input, the page on standard
// output. usage: report_drive --since NS --until NS [--rows N] [--status FILE] [--removed RULE=N] [--json] [--nonce
// TEXT]
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>
#include <string>

#include "agent/report/gather.h"
#include "agent/report/page.h"

int main(int argc, char** argv) {
  using namespace tiercel::report;
  std::map<std::string, std::string> flags = {{"--rows", "2000"}, {"--nonce", "dGVzdA"}};
  bool json = false;
  for (int i = 1; i < argc; ++i) {
    if (std::string(argv[i]) == "--json")
      json = true;
    else if (i + 1 < argc)
      flags[argv[i]] = argv[i + 1], ++i;
  }
  auto number = [&](const char* flag) { return std::strtoull(flags[flag].c_str(), nullptr, 10); };
  uint64_t begins_ns = 0;
  Gatherer gatherer({number("--since"), number("--until")}, number("--rows"));
  std::string line;
  for (uint64_t seq = 1; std::getline(std::cin, line); ++seq) {
    const size_t tab = line.find('\t');
    if (tab == std::string::npos) return 2;
    if (seq == 1) begins_ns = std::strtoull(line.c_str(), nullptr, 10);
    gatherer.add(seq, std::strtoull(line.c_str(), nullptr, 10), std::string_view(line).substr(tab + 1));
  }
  About about{.version = "0.1.0", .host = "test", .made_ns = number("--until"), .begins_ns = begins_ns};
  if (const std::string& removed = flags["--removed"]; !removed.empty()) {
    const size_t equals = removed.rfind('=');
    about.removed.push_back(
        {removed.substr(0, equals), std::strtoull(removed.c_str() + equals + 1, nullptr, 10), number("--since")});
  }
  if (const std::string& file = flags["--status"]; !file.empty()) {
    std::ostringstream text;
    text << std::ifstream(file).rdbuf();
    about.status_json = text.str();
  } else {
    about.status_missing = "no agent runs here";
  }
  const std::string report = to_json(gatherer.finish(), about);
  const std::string out = json ? report + "\n" : to_page(report, "Tiercel report: test", flags["--nonce"]);
  return std::fwrite(out.data(), 1, out.size(), stdout) == out.size() ? 0 : 1;
}
