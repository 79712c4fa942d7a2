// Outputs to a Wazuh manager: wazuh, wazuh_agent.
#include "agent/config/output_keys.h"

namespace tiercel::config {
namespace {

constexpr OutputKey kManagerOwn[] = {
    {"host", [](Reading& r, const TreeNode& n, OutputDraft& o) { r.host(n, part<WazuhManager>(o).host); }},
    {"port",
     [](Reading& r, const TreeNode& n, OutputDraft& o) { r.number(n, 1, kPortMax, part<WazuhManager>(o).port); }},
    {"enrol_port",
     [](Reading& r, const TreeNode& n, OutputDraft& o) { r.number(n, 1, kPortMax, part<WazuhManager>(o).enrol_port); }},
    {"protocol",
     [](Reading& r, const TreeNode& n, OutputDraft& o) { r.word(n, kProtocols, part<WazuhManager>(o).protocol); }},
};

constexpr OutputKey kAgentOwn[] = {
    {"path", [](Reading& r, const TreeNode& n, OutputDraft& o) { r.absolute_path(n, part<WazuhAgentOutput>(o).path); }},
    {"rate_max_per_s", [](Reading& r, const TreeNode& n,
                          OutputDraft& o) { r.number(n, 0, 100'000, part<WazuhAgentOutput>(o).rate_max_per_s); }},
};

constexpr auto kManagerKeys = joined(kManagerOwn, kFilterKeys);
constexpr auto kAgentKeys = joined(kAgentOwn, kCommonKeys);

constexpr OutputType kTypes[] = {
    {"wazuh", kManagerKeys, [] { return Output{WazuhManager{}}; }},
    {"wazuh_agent", kAgentKeys, [] { return Output{WazuhAgentOutput{}}; }},
};

}  // namespace

std::span<const OutputType> manager_output_types() {
  return kTypes;
}

}  // namespace tiercel::config
