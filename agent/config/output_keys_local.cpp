// Outputs that stay on the host, or that no service of its own takes: stdout, file, syslog, program.
#include "agent/base/syslog.h"
#include "agent/config/output_keys.h"

namespace tiercel::config {
namespace {

constexpr Word<StdoutOutput::Format> kStdoutFormats[] = {{"text", StdoutOutput::Format::kText},
                                                         {"json", StdoutOutput::Format::kJson}};
constexpr Word<SyslogOutput::Format> kSyslogFormats[] = {{"text", SyslogOutput::Format::kText},
                                                         {"json", SyslogOutput::Format::kJson}};
constexpr Word<FileOutput::Format> kFileFormats[] = {{"normalised", FileOutput::Format::kNormalised},
                                                     {"falco", FileOutput::Format::kFalco},
                                                     {"text", FileOutput::Format::kText},
                                                     {"wazuh", FileOutput::Format::kWazuh}};

constexpr OutputKey kStdoutOwn[] = {
    {"format",
     [](Reading& r, const TreeNode& n, OutputDraft& o) {
       o.format_given = true;
       r.word(n, kStdoutFormats, part<StdoutOutput>(o).format);
     }},
};

constexpr OutputKey kFileOwn[] = {
    {"path", [](Reading& r, const TreeNode& n, OutputDraft& o) { r.absolute_path(n, part<FileOutput>(o).path); }},
    {"format",
     [](Reading& r, const TreeNode& n, OutputDraft& o) { r.word(n, kFileFormats, part<FileOutput>(o).format); }},
    {"rotate_size_mb", [](Reading& r, const TreeNode& n,
                          OutputDraft& o) { r.number(n, 0, 1'000'000, part<FileOutput>(o).rotate_size_mb); }},
    {"rotate_files",
     [](Reading& r, const TreeNode& n, OutputDraft& o) { r.number(n, 1, 1'000, part<FileOutput>(o).rotate_files); }},
    {"rate_max_per_s", [](Reading& r, const TreeNode& n,
                          OutputDraft& o) { r.number(n, 0, 100'000, part<FileOutput>(o).rate_max_per_s); }},
};

void read_facility(Reading& r, const TreeNode& node, OutputDraft& draft) {
  std::string& into = part<SyslogOutput>(draft).facility;
  r.text(node, into);
  if (r.listing() || node.kind != TreeNode::Kind::kScalar) return;
  if (!syslog_facility(into)) r.error(node, "must be one of " + syslog_facility_names());
}

void read_address(Reading& r, const TreeNode& node, OutputDraft& draft) {
  std::string& into = part<SyslogOutput>(draft).address;
  r.text(node, into);
  if (r.listing() || node.kind != TreeNode::Kind::kScalar) return;
  if (auto address = parse_syslog_address(into); !address)
    r.error(node, "is no address: " + address.error().message, "without it the host's syslog gets the alerts");
}

constexpr OutputKey kSyslogOwn[] = {
    {"format",
     [](Reading& r, const TreeNode& n, OutputDraft& o) {
       o.format_given = true;
       r.word(n, kSyslogFormats, part<SyslogOutput>(o).format);
     }},
    {"address", read_address},
    {"facility", read_facility},
};

void check_syslog(Reading& r, const TreeNode& node, const Output& output) {
  const auto& syslog = std::get<SyslogOutput>(output.to);
  check_tls(r, node, syslog.tls);
  if (syslog.address.empty() && syslog.facility != SyslogOutput{}.facility)
    r.error(node, "has a facility, which goes with an address");
  if (syslog.tls != Tls{} && !syslog.address.starts_with("tls://"))
    r.error(node, "has keys of TLS", "they go with an address that begins with tls://");
}

constexpr OutputKey kProgramOwn[] = {
    {"program", [](Reading& r, const TreeNode& n, OutputDraft& o) { r.texts(n, part<ProgramOutput>(o).program); }},
};

void check_program(Reading& r, const TreeNode& node, const Output& output) {
  const auto& program = std::get<ProgramOutput>(output.to).program;
  if (program.empty() || !program.front().starts_with('/'))
    r.error(node, "needs a program: its whole path, from /, and its arguments",
            "for example program: [/usr/local/bin/page, --team, security]; no shell reads it");
}

constexpr auto kStdoutKeys = joined(kStdoutOwn, kCommonKeys);
constexpr auto kFileKeys = joined(kFileOwn, kCommonKeys);
constexpr auto kSyslogKeys = joined(kSyslogOwn, kTlsKeys<SyslogOutput>, kCommonKeys);
constexpr auto kProgramKeys = joined(kProgramOwn, kCommonKeys);

constexpr OutputType kTypes[] = {
    {"stdout", kStdoutKeys, [] { return Output{StdoutOutput{}}; }},
    {"file", kFileKeys, [] { return Output{FileOutput{}}; }},
    {"syslog", kSyslogKeys, [] { return Output{SyslogOutput{}}; }, check_syslog},
    {"program", kProgramKeys, [] { return Output{ProgramOutput{}}; }, check_program},
};

}  // namespace

std::span<const OutputType> local_output_types() {
  return kTypes;
}

}  // namespace tiercel::config
