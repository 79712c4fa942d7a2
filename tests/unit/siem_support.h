// What the tests of siem and its local outputs share: alerts, a folder that goes away, files as lines.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "agent/alert/alert.h"
#include "siem/spool.h"

namespace tiercel::siem::test {

inline alert::AlertPtr make_alert(alert::Priority priority, const std::string& text, const std::string& rule = "R") {
  auto made = std::make_shared<alert::Alert>();
  made->id = text;
  made->priority = priority;
  made->rule = rule;
  made->text_line = "18:27:01.000000000: " + std::string(alert::display_name(priority)) + " " + text;
  made->falco_json = "{\"falco\":\"" + text + "\"}";
  made->event_json = "{\"tiercel\":{\"id\":\"" + text + "\"}}";
  return made;
}

struct MemoryLimitsOfTest {
  size_t rows_max = 100'000;
  size_t size_bytes_max = 128u << 20;
};
inline std::unique_ptr<Spool> make_memory_spool(MemoryLimitsOfTest limits, Metrics& metrics) {
  static const SystemClock clock;
  static Metrics metrics_of_reports;
  static alert::Reports reports(metrics_of_reports);
  SpoolOptions options;
  options.memory_rows_max = limits.rows_max;
  options.memory_bytes_max = limits.size_bytes_max;
  return make_spool(std::move(options), metrics, clock, reports);
}

class TempDir {
 public:
  TempDir() {
    std::string pattern = (std::filesystem::temp_directory_path() / "tiercel-test-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline std::string content_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

inline std::vector<std::string> lines_of(const std::string& path) {
  std::istringstream in(content_of(path));
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

inline std::vector<std::string> ids(const std::vector<Row>& rows) {
  std::vector<std::string> out;
  for (const Row& row : rows) out.push_back(row.alert->id);
  return out;
}

constexpr int kGenerousMs = 20'000;  // ends early; only a failing test waits for it

}  // namespace tiercel::siem::test
