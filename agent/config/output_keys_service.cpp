// Outputs to services by HTTP: http_output, slack, aws_security_hub.
#include <algorithm>
#include <cctype>

#include "agent/config/output_keys.h"

namespace tiercel::config {
namespace {

// RFC 9110, 5.6.2.
bool is_header_name(std::string_view name) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !name.empty() && std::all_of(name.begin(), name.end(), [&](unsigned char c) {
    return std::isalnum(c) != 0 || kMarks.find(static_cast<char>(c)) != std::string_view::npos;
  });
}

void read_headers(Reading& r, const TreeNode& node, OutputDraft& draft) {
  if (r.listed(KeyInfo::Kind::kMap) || node.kind == TreeNode::Kind::kNull) return;
  if (node.kind != TreeNode::Kind::kMap)
    return r.error(node, "must be a map of names and values", "headers: {Authorization: \"Bearer ${TOKEN}\"}");
  auto& headers = part<HttpOutput>(draft).headers;
  headers.clear();
  for (size_t i = 0; i < node.members.size(); ++i) {
    const Member& member = node.members[i];
    if (r.is_repeated(node, i)) continue;
    Secret value;
    r.enter(member.key);
    r.secret(member.value, value);
    const std::string& text = value.reveal();
    const bool odd = std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < ' ' || c == 0x7f; });
    if (!is_header_name(member.key)) r.error(member.value, "is no name of a header");
    if (text.empty() || odd)
      r.error(member.value, "must be one line of text", "a ${VARIABLE} that is not set leaves nothing");
    r.leave();
    headers.emplace_back(member.key, std::move(value));
  }
}

constexpr OutputKey kHttpOwn[] = {
    {"url", [](Reading& r, const TreeNode& n, OutputDraft& o) { read_url(r, n, part<HttpOutput>(o).url); }},
    {"url_file",
     [](Reading& r, const TreeNode& n, OutputDraft& o) { r.absolute_path(n, part<HttpOutput>(o).url_file); }},
    {"headers", read_headers},
    {"timeout_ms",
     [](Reading& r, const TreeNode& n, OutputDraft& o) { r.number(n, 100, 600'000, part<HttpOutput>(o).timeout_ms); }},
};

// Exactly one of the two.
void check_url(Reading& r, const TreeNode& node, const Secret& url, const std::string& file, const std::string& key) {
  if (url.empty() && file.empty()) r.error(node, "needs a " + key + " or a " + key + "_file");
  if (!url.empty() && !file.empty()) r.error(node, "has both " + key + " and " + key + "_file", "take one out");
}

void check_http(Reading& r, const TreeNode& node, const Output& output) {
  const auto& http = std::get<HttpOutput>(output.to);
  check_url(r, node, http.url, http.url_file, "url");
  check_tls(r, node, http.tls);
}

constexpr OutputKey kSlackOwn[] = {
    {"webhook_url",
     [](Reading& r, const TreeNode& n, OutputDraft& o) { read_url(r, n, part<SlackOutput>(o).webhook_url); }},
    {"webhook_url_file",
     [](Reading& r, const TreeNode& n, OutputDraft& o) { r.absolute_path(n, part<SlackOutput>(o).webhook_url_file); }},
    {"fold_window_s",
     [](Reading& r, const TreeNode& n, OutputDraft& o) { r.number(n, 0, 86'400, part<SlackOutput>(o).fold_window_s); }},
    kCaFileKey<SlackOutput>,
};

void check_slack(Reading& r, const TreeNode& node, const Output& output) {
  const auto& slack = std::get<SlackOutput>(output.to);
  check_url(r, node, slack.webhook_url, slack.webhook_url_file, "webhook_url");
}

constexpr Word<SecurityHubOutput::Format> kFindingFormats[] = {{"asff", SecurityHubOutput::Format::kAsff},
                                                               {"ocsf", SecurityHubOutput::Format::kOcsf}};

void read_region(Reading& r, const TreeNode& node, OutputDraft& draft) {
  std::string& into = part<SecurityHubOutput>(draft).region;
  r.text(node, into);
  if (r.listing() || node.kind != TreeNode::Kind::kScalar || into.empty()) return;
  if (!std::all_of(into.begin(), into.end(),
                   [](unsigned char c) { return std::islower(c) != 0 || std::isdigit(c) != 0 || c == '-'; }))
    r.error(node, "must be a region's code, like us-east-1");
}

void read_account(Reading& r, const TreeNode& node, OutputDraft& draft) {
  constexpr size_t kDigits = 12;
  std::string& into = part<SecurityHubOutput>(draft).account;
  r.text(node, into);
  if (r.listing() || node.kind != TreeNode::Kind::kScalar || into.empty()) return;
  if (into.size() != kDigits ||
      !std::all_of(into.begin(), into.end(), [](unsigned char c) { return std::isdigit(c) != 0; }))
    r.error(node, "must be an account's 12 digits", "in quotes where it begins with 0");
}

void read_endpoint(Reading& r, const TreeNode& node, OutputDraft& draft) {
  Secret url;
  read_url(r, node, url);
  if (!r.listing()) part<SecurityHubOutput>(draft).endpoint = url.reveal();
}

constexpr OutputKey kSecurityHubOwn[] = {
    {"region", read_region},
    {"account", read_account},
    {"endpoint", read_endpoint},
    {"profile", [](Reading& r, const TreeNode& n, OutputDraft& o) { r.text(n, part<SecurityHubOutput>(o).profile); }},
    {"format", [](Reading& r, const TreeNode& n,
                  OutputDraft& o) { r.word(n, kFindingFormats, part<SecurityHubOutput>(o).format); }},
    kCaFileKey<SecurityHubOutput>,
};

void check_security_hub(Reading& r, const TreeNode& node, const Output& output) {
  const auto& hub = std::get<SecurityHubOutput>(output.to);
  if (hub.format == SecurityHubOutput::Format::kOcsf && hub.endpoint.empty())
    r.error(node, "has format: ocsf, and needs an endpoint that takes it", "Security Hub itself takes asff");
}

constexpr auto kHttpKeys = joined(kHttpOwn, kTlsKeys<HttpOutput>, kCommonKeys);
constexpr auto kSlackKeys = joined(kSlackOwn, kCommonKeys);
constexpr auto kSecurityHubKeys = joined(kSecurityHubOwn, kCommonKeys);

constexpr OutputType kTypes[] = {
    {"http_output", kHttpKeys, [] { return Output{HttpOutput{}}; }, check_http},
    {"slack", kSlackKeys, [] { return Output{SlackOutput{}}; }, check_slack},
    {"aws_security_hub", kSecurityHubKeys, [] { return Output{SecurityHubOutput{}}; }, check_security_hub},
};

}  // namespace

std::span<const OutputType> service_output_types() {
  return kTypes;
}

}  // namespace tiercel::config
