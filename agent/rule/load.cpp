#include "agent/rule/load.h"

#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>
#include <sstream>
#include <utility>

#include "agent/match/path_trie.h"
#include "agent/rule/compile.h"
#include "agent/rule/compile_alert.h"
#include "agent/rule/describe.h"
#include "agent/rule/event_set.h"
#include "agent/rule/expand.h"
#include "agent/rule/format_compile.h"
#include "agent/rule/lint.h"
#include "agent/rule/merge.h"
#include "agent/rule/merge_threshold.h"
#include "agent/rule/push_down.h"
#include "agent/rule/resolve.h"
#include "agent/rule/static_fields.h"
#include "agent/rule/yaml.h"

namespace tiercel::rule {
namespace {

constexpr size_t kFileBytesMax = 64u * 1024 * 1024;
constexpr size_t kManyEventTypes = 100;  // Falco's limit for LOAD_NO_EVTTYPE

// `*` is any sequence, everything else is itself; the whole name has to match.
bool name_matches(std::string_view pattern, std::string_view name) {
  std::string escaped;
  for (char c : pattern) {
    if (c == '?' || c == '[' || c == '\\') escaped += '\\';
    escaped += c;
  }
  return glob_match(escaped, name);
}

bool selected(const RuleItem& rule, const LoadOptions& options) {
  bool on = rule.enabled;
  for (const Selection& entry : options.selection) {
    const bool hit = entry.tag.empty() ? name_matches(entry.rule, rule.name) : rule.tags.contains(entry.tag);
    if (hit) on = entry.enable;
  }
  return on && rule.priority <= options.min_priority;
}

bool appends_to(const AppendOutput& entry, const RuleItem& rule) {
  if (!entry.match_source.empty() && entry.match_source != rule.source) return false;
  if (!entry.match_rule.empty() && entry.match_rule != rule.name) return false;
  return std::all_of(entry.match_tags.begin(), entry.match_tags.end(),
                     [&](const std::string& tag) { return rule.tags.contains(tag); });
}

std::string suggested_text() {
  std::string out;
  for (const FieldInfo& field : all_fields()) {
    if (!field.has(FF_SUGGESTED)) continue;
    std::string key(field.name);
    std::replace(key.begin(), key.end(), '.', '_');
    out += " " + key + "=%" + std::string(field.name);
  }
  for (const auto& [name, value] : static_fields()) {
    std::string key = name;
    std::replace(key.begin(), key.end(), '.', '_');
    out += " static_" + key + "=%static." + name;
  }
  return out;
}

class Loader {
 public:
  Loader(const LoadOptions& options, Loaded& loaded) : options_(options), loaded_(loaded) {
    if (!options.describe) return;
    description_ = std::make_shared<Description>();
    description_->files = files_;
  }

  void run(std::vector<RuleText> texts) {
    for (const RuleText& text : texts) {
      const std::string* file = &*files_->insert(text.name).first;
      order_.try_emplace(text.name, order_.size());
      std::vector<YamlNode> documents;
      if (!read_yaml(text.text, file, found_, documents)) continue;
      merge_documents(documents, file, options_.strict, collection_, found_);
      if (description_) description_->add_versions(documents);
      if (options_.strict && &text != &texts.back() && found_.errors() == 0) check_so_far();
    }
    compile();
    for (const Diagnostic& unmet : collection_.unmet) found_.add(unmet);
    for (const OutputCondition& output : options_.output_conditions)
      loaded_.diagnostics.add_source(output.where, output.text);
    for (RuleText& text : texts) loaded_.diagnostics.add_source(text.name, std::move(text.text));
    hand_over();
  }

  Diagnostics& found() { return found_; }

 private:
  void compile() {
    Expander expander(collection_, options_.strict, found_);
    expander.parse_macros();
    for (const RuleItem& rule : collection_.rules.all()) compile_rule(rule, expander);
    for (const RuleItem& rule : collection_.unreadable) compile_rule(rule, expander, false);
    std::set<std::string> kept;
    for (const Rule& rule : parts_.rules) kept.insert(rule.name);
    // A broken change of a rule that goes on as it was is not a rule left out.
    std::erase_if(loaded_.skipped, [&](const std::string& name) { return kept.contains(name); });
    for (const std::string& name : collection_.broken_responses)
      if (!collection_.responses.find(name)) loaded_.skipped.push_back(name);
    AlertCompiler alerts(collection_, expander, options_.strict, found_);
    alerts.add_responses(parts_, loaded_.skipped);
    alerts.add_outputs(options_.output_conditions, *files_);
    parts_.verdicts = alerts.take();
    if (options_.lint) Linter(collection_, found_).definitions();
    if (options_.warn_unused) expander.warn_unused();
    if (description_) description_->add_shared(collection_, expander);
  }

  // Falco compiles the whole collection after each file and stops at the first that fails.
  void check_so_far() {
    Loaded unused;
    LoadOptions options = options_;
    options.lint = options.warn_unused = options.describe = false;
    Loader loader(options, unused);
    loader.collection_ = collection_;
    loader.compile();
    for (const Diagnostic& d : loader.found_.all())
      if (d.severity == Diagnostic::Severity::kError) found_.add(d);
  }

  // usable = false: only to find its mistakes.
  void compile_rule(const RuleItem& item, Expander& expander, bool usable = true) {
    const std::string subject = "rule '" + item.name + "'";
    if (item.source != "syscall") {
      note(
          Diagnostic::Severity::kWarning, "LOAD_UNKNOWN_SOURCE",
          {"Unknown source " + item.source + ", skipping", "only the syscall source exists here", item.mark.position()},
          subject);
      return;
    }
    bool complete = true;
    ExprPtr expr = item.condition.empty() ? nullptr : expander.expand(item, complete);
    Notes condition_notes, output_notes;
    Resolver resolver(builder_, options_.strict, condition_notes);
    std::optional<Typed> typed;
    if (expr) typed = resolver.condition(*expr);
    Format format;
    const std::string output = compile_output(item, format, output_notes);
    report(condition_notes, "LOAD_ERR_COMPILE_CONDITION", item, subject);
    report(output_notes, "LOAD_ERR_COMPILE_OUTPUT", item, subject);
    Notes threshold_notes;
    const std::optional<Counting> counting = compile_threshold(item, builder_, options_.strict, threshold_notes);
    report(threshold_notes, "LOAD_ERR_EXTENSION", item, subject);
    if (!usable || !complete || !typed || !output_notes.errors.empty() || !threshold_notes.errors.empty())
      return skip(item, usable && complete && expr && all_skippable(item, condition_notes, output_notes) &&
                            all_skippable(item, threshold_notes, {}));
    const EventSet events = event_set_of(*expr);
    if (item.warn_evttypes && events.count() > kManyEventTypes)
      note(Diagnostic::Severity::kWarning, "LOAD_NO_EVTTYPE",
           {"Rule matches too many evt.type values. This has a significant performance penalty.",
            "begin the condition with the event types that it is about, for example `evt.type in (open, openat)`",
            item.mark.position()},
           subject);
    if (description_) describe(item, *expr);
    if (options_.lint) Linter(collection_, found_).rule(item, *expr, events);
    order_by_cost(*typed, builder_.program());
    parts_.clues.push_back(find_clues(*typed, builder_.program(), events.fed()));
    parts_.pushed.push_back(find_pushed(*typed, builder_.program(), events.fed()));
    parts_.counters.push_back(counting ? static_cast<uint32_t>(parts_.counting.size()) : Counting::kNone);
    if (counting) parts_.counting.push_back(*counting);
    keep(item, output, std::move(format), emit(*typed, builder_.program()), events.fed());
  }

  void keep(const RuleItem& item, const std::string& output, Format format, uint32_t entry, const EventTypes& types) {
    Rule rule;
    rule.name = item.name;
    rule.description = item.description.str();
    rule.source = item.source;
    rule.priority = item.priority;
    rule.tags.assign(item.tags.begin(), item.tags.end());
    rule.output = output;
    rule.condition = item.condition.str();
    rule.enabled = item.enabled;
    rule.capture = item.capture;
    rule.capture_duration_ms = item.capture_duration_ms;
    if (item.threshold) rule.threshold = threshold_of(*item.threshold);
    rule.position = item.mark.position();
    parts_.rules.push_back(std::move(rule));
    parts_.formats.push_back(std::move(format));
    parts_.entries.push_back(entry);
    parts_.types.push_back(types);
    parts_.active.push_back(selected(item, options_));
  }

  void describe(const RuleItem& item, const Expr& expr) {
    std::vector<std::pair<std::string, std::string>> extra;
    for (const AppendOutput& entry : options_.append_output)
      if (appends_to(entry, item))
        extra.insert(extra.end(), entry.extra_formatted_fields.begin(), entry.extra_formatted_fields.end());
    description_->add_rule(item, expr, collection_.lists, std::move(extra));
  }

  // The output's text after append_output; its compiled form in format.
  std::string compile_output(const RuleItem& item, Format& format, Notes& notes) {
    MappedText text = without_container_info(item);
    std::vector<const AppendOutput*> entries;
    for (const AppendOutput& entry : options_.append_output)
      if (appends_to(entry, item)) entries.push_back(&entry);
    for (const AppendOutput* entry : entries) {
      if (!entry->extra_output.empty()) text.append_fixed(" " + entry->extra_output, item.output.mark_at(0));
      if (entry->suggested_output) text.append_fixed(suggested_text(), item.output.mark_at(0));
    }
    format.parts = compile_parts(text, builder_, options_.strict, notes, &format.fields);
    for (const AppendOutput* entry : entries) {
      for (const std::string& name : entry->extra_fields) add_extra_field(name, builder_, notes, format);
      for (const auto& [key, written] : entry->extra_formatted_fields)
        add_extra_format(
            key, compile_parts(MappedText(written, item.output.mark_at(0)), builder_, options_.strict, notes, nullptr),
            format);
    }
    return text.str();
  }

  MappedText without_container_info(const RuleItem& item) {
    static constexpr std::string_view kToken = "%container.info";
    MappedText out;
    size_t copied = 0;
    const std::string& s = item.output.str();
    for (size_t at = s.find(kToken); at != std::string::npos; at = s.find(kToken, copied)) {
      note(Diagnostic::Severity::kWarning, "LOAD_DEPRECATED_ITEM",
           {"%container.info is deprecated and removed from the output",
            "container id, name and image are appended to every output anyway", item.output.position_at(at)},
           "rule '" + item.name + "'");
      out.append(item.output, copied, at - copied);
      copied = at + kToken.size();
    }
    out.append(item.output, copied, s.size() - copied);
    return out;
  }

  [[nodiscard]] static bool all_skippable(const RuleItem& item, const Notes& a, const Notes& b) {
    auto skippable = [](const Problem& problem) { return problem.skippable; };
    return item.skip_if_unknown_filter && std::all_of(a.errors.begin(), a.errors.end(), skippable) &&
           std::all_of(b.errors.begin(), b.errors.end(), skippable);
  }

  void report(const Notes& notes, const char* code, const RuleItem& item, const std::string& subject) {
    const bool skipped = all_skippable(item, notes, {});
    for (const Problem& problem : notes.errors)
      note(skipped ? Diagnostic::Severity::kWarning : Diagnostic::Severity::kError,
           skipped ? "LOAD_UNKNOWN_FILTER" : code, problem, subject);
    for (const Problem& problem : notes.warnings)
      note(Diagnostic::Severity::kWarning, "LOAD_COMPILE_CONDITION", problem, subject);
    for (const Problem& problem : notes.unsafe)
      note(Diagnostic::Severity::kWarning, "LOAD_UNSAFE_NA_CHECK", problem, subject);
    for (const Problem& problem : notes.bends)
      note(Diagnostic::Severity::kWarning, "LOAD_WARNING_EXTENSION", problem, subject);
    for (const Problem& problem : notes.deprecated)
      note(Diagnostic::Severity::kWarning, "LOAD_DEPRECATED_ITEM", problem, subject);
  }

  void note(Diagnostic::Severity severity, const char* code, const Problem& problem, const std::string& subject) {
    found_.add({severity, code, problem.message, problem.hint, subject, problem.position});
  }

  void skip(const RuleItem& item, bool wanted = false) {
    if (!wanted) loaded_.skipped.push_back(item.name);
  }

  // What rules share (macros, lists) is reported once, and everything in the order of the files.
  void hand_over() {
    std::vector<Diagnostic> sorted = found_.all();
    auto key = [this](const Diagnostic& d) {
      auto it = order_.find(d.position.file);
      return std::tuple(it == order_.end() ? SIZE_MAX : it->second, d.position.line, d.position.column);
    };
    // Strict: what Falco would have stopped at comes first.
    auto first = std::find_if(sorted.begin(), sorted.end(),
                              [](const Diagnostic& d) { return d.severity == Diagnostic::Severity::kError; });
    const bool lead = options_.strict && first != sorted.end();
    if (lead) std::rotate(sorted.begin(), first, first + 1);
    std::stable_sort(sorted.begin() + (lead ? 1 : 0), sorted.end(),
                     [&](const Diagnostic& a, const Diagnostic& b) { return key(a) < key(b); });
    std::set<std::tuple<std::string, int, int, std::string>> seen;
    for (Diagnostic& d : sorted)
      if (seen.emplace(d.position.file, d.position.line, d.position.column, d.message).second)
        loaded_.diagnostics.add(std::move(d));
    if (options_.strict && loaded_.diagnostics.errors() > 0) return;
    loaded_.description = std::move(description_);
    parts_.matching = options_.matching;
    parts_.program = std::move(builder_.program());
    loaded_.rules = std::make_shared<const RuleSet>(std::move(parts_));
  }

  const LoadOptions& options_;
  Loaded& loaded_;
  Diagnostics found_;
  std::shared_ptr<std::set<std::string>> files_ = std::make_shared<std::set<std::string>>();  // positions point there
  std::shared_ptr<Description> description_;
  std::map<std::string, size_t> order_;
  Collection collection_;
  ProgramBuilder builder_;
  RuleSetParts parts_;
};

void read_file(const std::string& path, std::vector<RuleText>& texts, Diagnostics& diagnostics) {
  auto refuse = [&](const std::string& why) {
    diagnostics.error({path, 0, 0}, "cannot be read: " + why, "check the path and its permissions",
                      "LOAD_ERR_FILE_READ");
  };
  std::error_code code;
  if (std::filesystem::file_size(path, code) > kFileBytesMax && !code) return refuse("larger than 64 MiB");
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) return refuse(std::strerror(errno ? errno : EIO));
  std::ostringstream text;
  text << file.rdbuf();
  if (file.bad()) return refuse(std::strerror(errno ? errno : EIO));
  texts.push_back({path, std::move(text).str()});
}

void read_path(const std::string& path, std::vector<RuleText>& texts, Diagnostics& diagnostics) {
  std::error_code code;
  if (!std::filesystem::is_directory(path, code)) return read_file(path, texts, diagnostics);
  std::vector<std::string> names;
  for (std::filesystem::directory_iterator it(path, code), end; !code && it != end; it.increment(code))
    if (is_rule_file(it->path().filename().string()) && !it->is_directory(code)) names.push_back(it->path().string());
  if (code) {
    diagnostics.error({path, 0, 0}, "cannot be read: " + code.message(), "check the folder's permissions",
                      "LOAD_ERR_FILE_READ");
    return;
  }
  std::sort(names.begin(), names.end());
  if (names.empty())
    diagnostics.warning({path, 0, 0}, "the folder has no *.yaml and no *.yml file", "put rule files there",
                        "LOAD_ERR_FILE_READ");
  for (const std::string& name : names) {
    if (!std::filesystem::is_fifo(name, code)) {
      read_file(name, texts, diagnostics);
      continue;
    }
    // Opening it would wait for a writer, for ever.
    diagnostics.error({name, 0, 0}, "cannot be read: it is a pipe", "rules are in regular files", "LOAD_ERR_FILE_READ");
  }
}

}  // namespace

bool is_rule_file(const std::string& name) {
  const std::filesystem::path extension = std::filesystem::path(name).extension();
  return extension == ".yaml" || extension == ".yml";
}

Loaded load_texts(std::vector<RuleText> texts, const LoadOptions& options) {
  Loaded loaded;
  for (const RuleText& text : texts) loaded.files.push_back(text.name);
  Loader(options, loaded).run(std::move(texts));
  return loaded;
}

Loaded load_paths(const std::vector<std::string>& paths, const LoadOptions& options, std::vector<RuleText> more) {
  Loaded loaded;
  std::vector<RuleText> texts;
  Loader loader(options, loaded);
  for (const std::string& path : paths) read_path(path, texts, loader.found());
  std::move(more.begin(), more.end(), std::back_inserter(texts));
  for (const RuleText& text : texts) loaded.files.push_back(text.name);
  loader.run(std::move(texts));
  return loaded;
}

}  // namespace tiercel::rule
