// tiercel rules test: case files, as docs/rule-tests.md describes them
#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <set>

#include "agent/base/fd.h"
#include "agent/casefile/run.h"
#include "agent/cli/commands.h"
#include "agent/cli/json.h"
#include "agent/cli/rules_commands.h"
#include "agent/cli/text.h"

namespace tiercel::cli {
namespace {

using casefile::CaseFile;
using casefile::CaseResult;

struct FileResult {
  CaseFile file;
  std::vector<CaseResult> cases;
};

struct Report {
  std::vector<std::unique_ptr<FileResult>> files;  // a case is pointed at by its result
  Diagnostics diagnostics;
  size_t passed = 0, failed = 0;
  std::set<std::string> fired, rules;  // rules that some case expects and sees; all that are active
  [[nodiscard]] bool good() const { return failed == 0 && diagnostics.errors() == 0; }
};

// Case files, and those in folders and below, sorted by name.
std::vector<std::string> files_of(const std::vector<std::string>& paths, Diagnostics& diagnostics) {
  std::vector<std::string> out;
  for (const std::string& path : paths) {
    std::error_code code;
    if (!std::filesystem::is_directory(path, code)) {
      out.push_back(path);
      continue;
    }
    std::vector<std::string> found;
    for (std::filesystem::recursive_directory_iterator it(path, code), end; !code && it != end; it.increment(code))
      if (it->path().extension() == ".yaml" || it->path().extension() == ".yml") found.push_back(it->path().string());
    if (code) diagnostics.error({path, 0, 0}, "cannot be read: " + code.message());
    if (!code && found.empty()) diagnostics.error({path, 0, 0}, "the folder has no *.yaml and no *.yml file");
    std::sort(found.begin(), found.end());
    out.insert(out.end(), found.begin(), found.end());
  }
  return out;
}

class Tester {
 public:
  explicit Tester(const RulesTestArgs& args) : args_(args) {}

  Report run() {
    for (const std::string& path : files_of(args_.cases, report_.diagnostics)) {
      report_.files.push_back(std::make_unique<FileResult>());
      run_file(path, *report_.files.back());
    }
    return std::move(report_);
  }

 private:
  void run_file(const std::string& path, FileResult& out) {
    out.file = casefile::read_cases(path, report_.diagnostics);
    const std::vector<std::string>& rules = args_.rules.empty() ? out.file.rules : args_.rules;
    if (rules.empty()) {
      if (!out.file.cases.empty())
        report_.diagnostics.error({path, 0, 0}, "the file does not say which rules it tests",
                                  "`rules: [../my_rules.yaml]` at its top, or --rules on the command line");
      return;
    }
    const rule::Loaded& loaded = shelf_.load(rules, out.file.enable);
    for (const Diagnostic& d : loaded.diagnostics.all())
      if (d.severity == Diagnostic::Severity::kError) tell_once(d, loaded);
    if (!loaded.rules || (loaded.rules->size() == 0 && loaded.diagnostics.errors() > 0)) return;
    for (rule::RuleId id = 0; id < loaded.rules->size(); ++id)
      if (loaded.rules->active(id)) report_.rules.insert(loaded.rules->rule(id).name);
    Diagnostics names;
    casefile::check_names(out.file, loaded, names);
    for (const Diagnostic& d : names.all()) report_.diagnostics.add(d);
    for (const casefile::Case& what : out.file.cases) {
      const auto wrong = std::any_of(names.all().begin(), names.all().end(), [&](const Diagnostic& d) {
        return std::any_of(what.expect.begin(), what.expect.end(), [&](const casefile::ExpectSpec& e) {
          return e.position.line == d.position.line && e.position.column == d.position.column;
        });
      });
      if (!wrong) judge(what, loaded, out);
    }
  }

  void judge(const casefile::Case& what, const rule::Loaded& loaded, FileResult& out) {
    out.cases.push_back(casefile::run_case(what, loaded));
    const CaseResult& result = out.cases.back();
    ++(result.passed() ? report_.passed : report_.failed);
    for (const casefile::ExpectSpec& expect : what.expect)
      if (result.matched.contains(expect.rule)) report_.fired.insert(expect.rule);
  }

  void tell_once(const Diagnostic& d, const rule::Loaded& loaded) {
    if (!told_.insert(loaded.diagnostics.render(d)).second) return;
    report_.diagnostics.add(d);
    if (auto text = read_file(d.position.file, kSourceMax); text)
      report_.diagnostics.add_source(d.position.file, std::move(*text));
  }

  static constexpr size_t kSourceMax = 64u << 20;
  const RulesTestArgs& args_;
  casefile::RuleShelf shelf_;
  std::set<std::string> told_;
  Report report_;
};

std::string place_of(const casefile::Case& what) {
  return fmt::format("{}:{}", what.position.file, what.position.line);
}

std::string text_of(const CaseResult& result) {
  std::string out;
  for (const casefile::Problem& problem : result.problems) out += (out.empty() ? "" : "; also ") + problem.text;
  return out;
}

std::string counted(size_t n, const char* what) {
  return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s");
}

void print_people(const Report& report, bool verbose) {
  const Tints tints(colour_wanted(STDOUT_FILENO));
  for (const auto& file : report.files)
    for (const CaseResult& result : file->cases) {
      if (result.passed() && !verbose) continue;
      fmt::print("{}{}{}  {}: {}", result.passed() ? tints.green() : tints.red(), result.passed() ? "ok  " : "FAIL",
                 tints.off(), place_of(*result.what), result.what->name);
      if (!result.passed()) fmt::print(": {}", text_of(result));
      fmt::print("\n");
    }
  const size_t errors = report.diagnostics.errors();
  fmt::print("{}{}{}: {} in {}, {} passed, {} failed", report.good() ? tints.green() : tints.red(),
             report.good() ? "Ok" : "Failed", tints.off(), counted(report.passed + report.failed, "case"),
             counted(report.files.size(), "file"), report.passed, report.failed);
  if (errors > 0) fmt::print(", {}", counted(errors, "mistake"));
  if (!report.rules.empty())
    fmt::print("; {} of {} seen to match", report.fired.size(), counted(report.rules.size(), "rule"));
  fmt::print("\n");
}

std::string_view kind_text(casefile::Problem::Kind kind) {
  using Kind = casefile::Problem::Kind;
  switch (kind) {
    case Kind::kSilent:
      return "silent";
    case Kind::kUnexpected:
      return "unexpected";
    case Kind::kCount:
      return "count";
    case Kind::kOutput:
      return "output";
    case Kind::kRecording:
      return "recording";
  }
  return "";
}

void put_problem(Json& out, const casefile::Problem& problem) {
  out.open_object().put("kind", kind_text(problem.kind)).put("rule", problem.rule).put("message", problem.text);
  out.key("tests").open_array();
  for (const rule::WhyNode& test : problem.tests) {
    out.open_object().put("test", test.text).put_bool("result", test.result).put("field", test.left);
    out.put_bool("missing", test.missing).put("value", test.value).put("macro", test.macro);
    out.put_position(test.position).close_object();
  }
  out.close_array().close_object();
}

void print_json(const Report& report) {
  Json out;
  out.open_object().put_bool("ok", report.good());
  out.put_number("passed", report.passed).put_number("failed", report.failed);
  out.key("cases").open_array();
  for (const auto& file : report.files)
    for (const CaseResult& result : file->cases) {
      out.open_object().put("name", result.what->name).put_position(result.what->position);
      out.put_bool("passed", result.passed()).put_number("events", result.events);
      out.key("expected").open_array();
      for (const casefile::ExpectSpec& expect : result.what->expect) out.text(expect.rule);
      out.close_array().key("matched").open_object();
      for (const auto& [rule, count] : result.matched) out.put_number(rule, count);
      out.close_object().key("problems").open_array();
      for (const casefile::Problem& problem : result.problems) put_problem(out, problem);
      out.close_array().close_object();
    }
  out.close_array();
  std::vector<std::string> unseen;
  std::set_difference(report.rules.begin(), report.rules.end(), report.fired.begin(), report.fired.end(),
                      std::back_inserter(unseen));
  out.put_all("rules_never_seen_to_match", unseen).put_diagnostics(report.diagnostics).close_object().print();
}

// XML 1.0 text: no control characters, which not even a reference may bring in.
std::string xml(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const alert::Utf8Step step = alert::utf8_step(text.substr(at));
    const std::string_view bytes = text.substr(at, step.size_bytes);
    at += step.size_bytes;
    const uint32_t c = step.code_point;
    if (!step.valid || (c < 0x20 && c != '\t' && c != '\n') || c == 0xFFFE || c == 0xFFFF)
      out += "\xEF\xBF\xBD";
    else if (c == '&' || c == '<' || c == '>' || c == '"' || c == '\n')
      out += c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '"' ? "&quot;" : "&#10;";
    else
      out += bytes;
  }
  return out;
}

// A suite per file; a mistake in a file is a case that failed, so that no reader of the report overlooks it.
std::string junit_of(const Report& report) {
  std::string suites;
  for (const auto& file : report.files) {
    std::string cases;
    size_t failures = 0;
    for (const CaseResult& result : file->cases) {
      cases += fmt::format(R"(    <testcase classname="{}" name="{}" line="{}")", xml(file->file.path),
                           xml(result.what->name), result.what->position.line);
      failures += result.passed() ? 0 : 1;
      cases += result.passed()
                   ? "/>\n"
                   : fmt::format(">\n      <failure message=\"{}\"/>\n    </testcase>\n", xml(text_of(result)));
    }
    suites += fmt::format("  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"0\">\n{}  </testsuite>\n",
                          xml(file->file.path), file->cases.size(), failures, cases);
  }
  size_t errors = 0;
  std::string mistakes;
  for (const Diagnostic& d : report.diagnostics.all()) {
    ++errors;
    const std::string where = fmt::format("{}:{}:{}", d.position.file, d.position.line, d.position.column);
    mistakes +=
        fmt::format("    <testcase classname=\"{}\" name=\"{}\">\n      <error message=\"{}\"/>\n    </testcase>\n",
                    xml(d.position.file), xml(where), xml(d.message + (d.hint.empty() ? "" : "; " + d.hint)));
  }
  if (errors > 0)
    suites +=
        fmt::format("  <testsuite name=\"mistakes\" tests=\"{}\" failures=\"0\" errors=\"{}\">\n{}  </testsuite>\n",
                    errors, errors, mistakes);
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<testsuites name=\"tiercel rules test\" tests=\"{}\" failures=\"{}\" errors=\"{}\">\n{}</testsuites>\n",
      report.passed + report.failed + errors, report.failed, errors, suites);
}

Result<> write_file(const std::string& path, const std::string& text) {
  Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!fd.valid()) return fail_errno("cannot write " + path, errno, Fault::kUser);
  return write_all(fd.get(), text.data(), text.size());
}

}  // namespace

int rules_test(const RulesTestArgs& args) {
  const Report results = Tester(args).run();
  if (args.json) {
    print_json(results);
  } else {
    std::fputs(results.diagnostics.render_all(colour_wanted(STDERR_FILENO)).c_str(), stderr);
    print_people(results, args.verbose);
  }
  if (!args.junit.empty())
    if (auto written = write_file(args.junit, junit_of(results)); !written) return report(written.error());
  return results.good() ? 0 : 1;
}

}  // namespace tiercel::cli
