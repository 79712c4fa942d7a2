#include "agent/config/output_keys.h"

#include <algorithm>
#include <utility>

namespace tiercel::config {
namespace {

using OutputKey = Key<OutputDraft>;

constexpr OutputKey kPriorityKey = {
    "priority", [](Reading& r, const TreeNode& n, OutputDraft& o) { r.priority(n, o.output.priority); }};

constexpr Word<StdoutOutput::Format> kStdoutFormats[] = {{"text", StdoutOutput::Format::kText},
                                                         {"json", StdoutOutput::Format::kJson}};
constexpr Word<SyslogOutput::Format> kSyslogFormats[] = {{"text", SyslogOutput::Format::kText},
                                                         {"json", SyslogOutput::Format::kJson}};
constexpr Word<FileOutput::Format> kFileFormats[] = {{"normalised", FileOutput::Format::kNormalised},
                                                     {"falco", FileOutput::Format::kFalco},
                                                     {"text", FileOutput::Format::kText},
                                                     {"wazuh", FileOutput::Format::kWazuh}};

template <class T>
T& part(OutputDraft& draft) {
  return std::get<T>(draft.output.to);
}

constexpr OutputKey kStdoutKeys[] = {
    {"format",
     [](Reading& r, const TreeNode& n, OutputDraft& o) {
       o.format_given = true;
       r.word(n, kStdoutFormats, part<StdoutOutput>(o).format);
     }},
    kPriorityKey,
};

constexpr OutputKey kSyslogKeys[] = {
    {"format",
     [](Reading& r, const TreeNode& n, OutputDraft& o) {
       o.format_given = true;
       r.word(n, kSyslogFormats, part<SyslogOutput>(o).format);
     }},
    kPriorityKey,
};

constexpr OutputKey kFileKeys[] = {
    {"path", [](Reading& r, const TreeNode& n, OutputDraft& o) { r.absolute_path(n, part<FileOutput>(o).path); }},
    {"format",
     [](Reading& r, const TreeNode& n, OutputDraft& o) { r.word(n, kFileFormats, part<FileOutput>(o).format); }},
    {"rotate_size_mb", [](Reading& r, const TreeNode& n,
                          OutputDraft& o) { r.number(n, 0, 1'000'000, part<FileOutput>(o).rotate_size_mb); }},
    {"rotate_files",
     [](Reading& r, const TreeNode& n, OutputDraft& o) { r.number(n, 1, 1'000, part<FileOutput>(o).rotate_files); }},
    {"rate_max_per_s", [](Reading& r, const TreeNode& n,
                          OutputDraft& o) { r.number(n, 0, 100'000, part<FileOutput>(o).rate_max_per_s); }},
    kPriorityKey,
};

constexpr OutputKey kWazuhOutputKeys[] = {
    {"host", [](Reading& r, const TreeNode& n, OutputDraft& o) { r.host(n, part<WazuhManager>(o).host); }},
    {"port",
     [](Reading& r, const TreeNode& n, OutputDraft& o) { r.number(n, 1, kPortMax, part<WazuhManager>(o).port); }},
    {"enrol_port",
     [](Reading& r, const TreeNode& n, OutputDraft& o) { r.number(n, 1, kPortMax, part<WazuhManager>(o).enrol_port); }},
    {"protocol",
     [](Reading& r, const TreeNode& n, OutputDraft& o) { r.word(n, kProtocols, part<WazuhManager>(o).protocol); }},
    kPriorityKey,
};

constexpr OutputKey kWazuhAgentKeys[] = {
    {"path", [](Reading& r, const TreeNode& n, OutputDraft& o) { r.absolute_path(n, part<WazuhAgentOutput>(o).path); }},
    {"rate_max_per_s", [](Reading& r, const TreeNode& n,
                          OutputDraft& o) { r.number(n, 0, 100'000, part<WazuhAgentOutput>(o).rate_max_per_s); }},
    kPriorityKey,
};

struct OutputType {
  std::string_view name;
  std::span<const OutputKey> keys;
  Output (*make)();
};

constexpr OutputType kOutputTypes[] = {
    {"stdout", kStdoutKeys,
     [] {
       return Output{StdoutOutput{}, kPriorityDebug};
     }},
    {"file", kFileKeys,
     [] {
       return Output{FileOutput{}, kPriorityDebug};
     }},
    {"syslog", kSyslogKeys,
     [] {
       return Output{SyslogOutput{}, kPriorityDebug};
     }},
    {"wazuh", kWazuhOutputKeys,
     [] {
       return Output{WazuhManager{}, kPriorityDebug};
     }},
    {"wazuh_agent", kWazuhAgentKeys,
     [] {
       return Output{WazuhAgentOutput{}, kPriorityDebug};
     }},
};
constexpr std::string_view kTypesToCome[] = {"slack", "aws_security_hub"};

constexpr OutputKey kOutputKeys[] = {
    {"type",
     [](Reading& r, const TreeNode& n, OutputDraft& o) {
       o.type_node = &n;
       r.text(n, o.type);
     }},
    {"config",
     [](Reading& r, const TreeNode& n, OutputDraft& o) {
       if (!r.listing()) o.config = &n;
     }},
};

// False: not one that this version has.
bool read_output_config(Reading& r, const TreeNode& item, OutputDraft& draft) {
  if (draft.type_node == nullptr) {
    r.error(item, "needs a type");
    return false;
  }
  std::vector<std::string_view> names;
  for (const OutputType& type : kOutputTypes) {
    names.push_back(type.name);
    if (type.name != draft.type) continue;
    draft.output = type.make();
    r.enter("config");
    if (draft.config != nullptr) r.map(*draft.config, type.keys, draft);
    r.leave();
    return true;
  }
  if (std::find(std::begin(kTypesToCome), std::end(kTypesToCome), draft.type) != std::end(kTypesToCome)) {
    r.warning(*draft.type_node, "names " + draft.type + ", which this version of tiercel cannot feed yet",
              "no alert goes there; use wazuh, file or stdout");
    return false;
  }
  r.enter("type");
  if (draft.type_node->kind == TreeNode::Kind::kScalar) r.no_such_word(*draft.type_node, names);
  r.leave();
  return false;
}

}  // namespace

void read_outputs(Reading& r, const TreeNode& node, std::vector<OutputDraft>& outputs, bool& given) {
  if (r.listing()) {
    r.list(node, kOutputKeys, outputs);
    for (const OutputType& type : kOutputTypes) {
      OutputDraft ignored;
      ignored.output = type.make();
      r.enter("[" + std::string(type.name) + "]");
      r.enter("config");
      r.map(node, type.keys, ignored);
      r.leave();
      r.leave();
    }
    return;
  }
  if (node.kind == TreeNode::Kind::kNull) return;
  given = true;
  std::vector<OutputDraft> read;
  r.list(node, kOutputKeys, read);
  for (size_t i = 0; i < read.size(); ++i) {
    r.enter("[" + std::to_string(i) + "]");
    if (node.items[i].kind == TreeNode::Kind::kMap && read_output_config(r, node.items[i], read[i]))
      outputs.push_back(std::move(read[i]));
    r.leave();
  }
}

}  // namespace tiercel::config
