// AlertMaker: event + rule + rendered output -> Alert, the first owning copy. Deciding thread only.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "agent/alert/alert.h"
#include "agent/alert/json.h"
#include "agent/alert/report.h"

namespace tiercel::context {
class Event;
}
namespace tiercel::rule {
struct Rule;
struct Rendered;
}  // namespace tiercel::rule

namespace tiercel::alert {

struct MakeOptions {
  std::string hostname;  // empty: as Falco finds it
  bool json_include_output_property = true;
  bool json_include_message_property = false;
  bool json_include_output_fields_property = true;
  bool json_include_tags_property = true;
  bool time_format_iso_8601 = false;
};

class AlertMaker {
 public:
  explicit AlertMaker(MakeOptions options);

  // by_kernel_path: only the path that the kernel opened made the rule true; the alert says so.
  [[nodiscard]] AlertPtr make(const context::Event& event, const rule::Rule& rule, rule::Rendered rendered,
                              bool by_kernel_path, std::vector<uint64_t> refused_by = {});

  // The agent's own report (a loss, a gap): source "internal". Its time has to be set.
  [[nodiscard]] AlertPtr make_internal(const Report& report, std::vector<uint64_t> refused_by = {});

 private:
  [[nodiscard]] std::string next_id();
  [[nodiscard]] FalcoLine line_of(uint64_t time_ns, Priority priority, const std::string& rule,
                                  const std::string& source, const std::string& message) const;
  MakeOptions options_;
  std::string id_prefix_;  // random per start: ids never repeat, whatever the clock does
  uint64_t sequence_ = 0;
};

}  // namespace tiercel::alert
