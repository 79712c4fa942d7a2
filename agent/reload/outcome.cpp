#include "agent/reload/outcome.h"

#include <fmt/core.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>

#include "agent/base/time_text.h"

namespace tiercel::reload {
namespace {

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

bool is_utf8(const std::string& text) {
  using Validating = rapidjson::Writer<rapidjson::StringBuffer, rapidjson::UTF8<>, rapidjson::UTF8<>,
                                       rapidjson::CrtAllocator, rapidjson::kWriteValidateEncodingFlag>;
  rapidjson::StringBuffer buffer;
  Validating out(buffer);
  return out.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

// File names and what a rule file holds need not be UTF-8; what is sent must be.
void text(Writer& out, const char* key, const std::string& value) {
  std::string sent = value;
  if (!is_utf8(sent))
    std::replace_if(
        sent.begin(), sent.end(), [](unsigned char c) { return c >= 0x80; }, '?');
  out.Key(key);
  out.String(sent.data(), static_cast<rapidjson::SizeType>(sent.size()));
}

void number(Writer& out, const char* key, uint64_t value) {
  out.Key(key);
  out.Uint64(value);
}

void finding(Writer& out, const Finding& found) {
  const Diagnostic& d = found.diagnostic;
  out.StartObject();
  text(out, "severity", d.severity == Diagnostic::Severity::kError ? "error" : "warning");
  text(out, "code", d.code);
  text(out, "message", d.message);
  text(out, "hint", d.hint);
  text(out, "subject", d.subject);
  text(out, "file", d.position.file);
  out.Key("line");
  out.Int(d.position.line);
  out.Key("column");
  out.Int(d.position.column);
  text(out, "text", found.rendered);
  out.EndObject();
}

}  // namespace

void add_findings(Outcome& outcome, const Diagnostics& diagnostics) {
  outcome.errors += diagnostics.errors();
  outcome.warnings += diagnostics.warnings();
  // In the order of the files; where there are too many, warnings make room for errors.
  size_t errors_left = std::min(kFindingsMax, diagnostics.errors());
  for (const Diagnostic& diagnostic : diagnostics.all()) {
    const bool is_error = diagnostic.severity == Diagnostic::Severity::kError;
    if (outcome.findings.size() + (is_error ? 0 : errors_left) >= kFindingsMax) continue;
    if (is_error) --errors_left;
    outcome.findings.push_back({diagnostic, diagnostics.render(diagnostic)});
  }
}

std::string Outcome::summary() const {
  return fmt::format("{} of {} rules active, digest {}", rules.active, rules.total, rules.digest);
}

std::string Outcome::json() const {
  rapidjson::StringBuffer buffer;
  Writer out(buffer);
  out.StartObject();
  text(out, "result", accepted ? "accepted" : "refused");
  text(out, "reason", reason);
  text(out, "causes", causes);
  text(out, "at", iso8601_z(at_ns));
  number(out, "errors", errors);
  number(out, "warnings", warnings);
  out.Key("rules");
  out.StartObject();
  number(out, "active", rules.active);
  number(out, "total", rules.total);
  text(out, "digest", rules.digest);
  out.EndObject();
  out.Key("needs_restart");
  out.StartArray();
  for (const std::string& key : needs_restart) out.String(key);
  out.EndArray();
  number(out, "load_us", load_us);
  number(out, "attach_us", attach_us);
  number(out, "swap_us", swap_us);
  out.Key("diagnostics");
  out.StartArray();
  for (const Finding& found : findings) finding(out, found);
  out.EndArray();
  out.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace tiercel::reload
