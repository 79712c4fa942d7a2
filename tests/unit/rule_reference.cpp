// Our tables against the reference's: every field with its type and its argument, every code; and every code that the
// sources name is in the table.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>

#include <rapidjson/document.h>

#include "agent/cli/reference_page.h"
#include "agent/rule/codes.h"
#include "agent/rule/event_names.h"
#include "agent/rule/transformer_table.h"
#include "rule_support.h"

using namespace tiercel::rule;
using namespace tiercel::rule::test;

namespace {

std::string section(const std::string& text, const std::string& from, const std::string& to) {
  const size_t begin = text.find("\n" + from);
  const size_t end = begin == std::string::npos ? begin : text.find("\n" + to, begin + 1);
  return end == std::string::npos ? "" : text.substr(begin, end - begin);
}

std::string trimmed(const std::string& text) {
  const size_t begin = text.find_first_not_of(' ');
  return begin == std::string::npos ? "" : text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}

// The cells of every table row whose first cell begins with `code`.
std::vector<std::vector<std::string>> rows_of(const std::string& text) {
  std::vector<std::vector<std::string>> out;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("| `") && !line.starts_with("| LOAD_")) continue;
    std::vector<std::string> cells;
    std::istringstream row(line.substr(1));
    for (std::string cell; std::getline(row, cell, '|');) cells.push_back(trimmed(cell));
    out.push_back(std::move(cells));
  }
  return out;
}

std::vector<std::string> quoted_words(const std::string& cell) {
  std::vector<std::string> out;
  for (size_t at = cell.find('`'); at != std::string::npos; at = cell.find('`', at + 1)) {
    const size_t end = cell.find('`', at + 1);
    if (end == std::string::npos) break;
    out.push_back(cell.substr(at + 1, end - at - 1));
    at = end;
  }
  return out;
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> out;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, separator);) out.push_back(part);
  return out;
}

// "k8s.{rc,svc}.{name,id}" -> four names.
std::vector<std::string> braces_opened(const std::string& text) {
  const size_t open = text.find('{'), close = text.find('}', open);
  if (open == std::string::npos || close == std::string::npos) return {text};
  std::vector<std::string> out;
  for (const std::string& choice : split(text.substr(open + 1, close - open - 1), ','))
    for (const std::string& name : braces_opened(text.substr(0, open) + choice + text.substr(close + 1)))
      out.push_back(name);
  return out;
}

struct NamedField {
  std::string name;
  bool has_arg = false;
};

// "container.mount.dest/mode[x]" -> both names, with an argument.
std::vector<NamedField> names_in(std::string word, const std::string& before) {
  const bool has_arg = word.find('[') != std::string::npos;
  word = word.substr(0, word.find('['));
  static const std::string kSame = "\xE2\x80\xA6";  // an ellipsis stands for the beginning of the name before
  if (word.starts_with(kSame)) {
    const std::string tail = word.substr(kSame.size());
    word = before.substr(0, before.rfind("healthcheck")) + tail;
  }
  std::vector<NamedField> out;
  for (const std::string& opened : braces_opened(word)) {
    const std::vector<std::string> ends = split(opened, '/');
    out.push_back({ends[0], has_arg});
    const std::string stem = ends[0].substr(0, ends[0].rfind('.') + 1);
    for (size_t n = 1; n < ends.size(); ++n) out.push_back({stem + ends[n], has_arg || ends[n] == "label"});
  }
  return out;
}

std::string reference() {
  const std::filesystem::path shared = shared_dir();
  return shared.empty() ? "" : read_text(shared / "reference" / "falco-rules.md");
}

// The container plugin's fields that are no text.
Type container_type(const std::string& name) {
  static const std::map<std::string, Type> kOthers = {
      {"container.privileged", Type::kBool},   {"container.host_pid", Type::kBool},
      {"container.host_network", Type::kBool}, {"container.host_ipc", Type::kBool},
      {"container.start_ts", Type::kAbsTime},  {"container.duration", Type::kRelTime}};
  if (auto it = kOthers.find(name); it != kOthers.end()) return it->second;
  return name.starts_with("proc.is_container") ? Type::kBool : Type::kCharBuf;
}

}  // namespace

TEST_CASE("rule reference: every field of the reference exists, with its type, argument and restrictions") {
  const std::string text = reference();
  if (text.empty()) return;
  const auto rows = rows_of(section(text, "## 4.1 ", "## 4.2 "));
  CHECK(rows.size() > 230);
  for (const auto& row : rows) {
    REQUIRE(row.size() >= 5);
    const std::string name = quoted_words(row[0]).at(0), &flags = row[3];
    const FieldInfo* field = field_by_name(name);
    REQUIRE_MESSAGE(field, name);
    CHECK_MESSAGE(type_text(field->type) == row[1], name);
    if (name == "evt.abspath") {  // .src and .dst choose between two paths; a call that has one needs neither
      CHECK(field->has(FF_ARG_OPTIONAL));
    } else {
      CHECK_MESSAGE(field->has(FF_ARG_REQUIRED) == has(flags, "arg req"), name);
      CHECK_MESSAGE(field->has(FF_ARG_OPTIONAL) == has(flags, "arg opt"), name);
    }
    CHECK_MESSAGE(field->has(FF_NO_RHS) == has(flags, "no-rhs"), name);
    CHECK_MESSAGE(field->has(FF_NO_TRANSFORM) == has(flags, "no-tr"), name);
    CHECK_MESSAGE(field->has(FF_FILTER_ONLY) == has(flags, "filter only"), name);
    CHECK_MESSAGE(field->has(FF_PRINT_ONLY) == has(flags, "print only"), name);
    CHECK_MESSAGE(field->has(FF_TABLE_ONLY) == has(flags, "table only"), name);
    CHECK_MESSAGE(field->has(FF_DEPRECATED) == has(flags, "deprecated"), name);
    const std::vector<std::string> words = split(flags, ',');
    CHECK_MESSAGE(field->has(FF_LIST) == std::any_of(words.begin(), words.end(),
                                                     [](const std::string& w) { return trimmed(w) == "list"; }),
                  name);
  }
}

TEST_CASE("rule reference: every field of containers and pods exists, with its type and argument") {
  const std::string text = reference();
  if (text.empty()) return;
  std::set<std::string> seen;
  for (const auto& row : rows_of(section(text, "## 4.2 ", "## 4.3 "))) {
    std::string before;
    for (const std::string& word : quoted_words(row.at(0))) {
      if (word.starts_with("static.")) continue;  // made from the configuration
      for (const NamedField& wanted : names_in(word, before)) {
        const FieldInfo* field = field_by_name(wanted.name);
        REQUIRE_MESSAGE(field, wanted.name);
        CHECK_MESSAGE(field->type == container_type(wanted.name), wanted.name);
        const bool wants = wanted.has_arg || wanted.name.ends_with(".label");
        CHECK_MESSAGE(wants == (field->has(FF_ARG_REQUIRED) || field->has(FF_ARG_OPTIONAL)), wanted.name);
        seen.insert(wanted.name);
      }
      if (!word.starts_with("\xE2\x80\xA6")) before = word;
    }
  }
  CHECK(seen.size() > 60);
  // ... and we have no field of these families that the reference lacks, but those that say so.
  for (const FieldInfo& field : all_fields())
    if ((field.name.starts_with("container.") || field.name.starts_with("k8s.")) &&
        field.doc.find("(ours") == std::string_view::npos)
      CHECK_MESSAGE(seen.contains(std::string(field.name)), field.name);
}

TEST_CASE("rule reference: names that never were fields are none") {
  for (const char* name : {"fd.dport", "fd.direction", "container.image.name", "proc.path", "syslog.facility",
                           "span.id", "container.info"})
    CHECK_MESSAGE(has(condition_errors(std::string(name) + " = x"), "nonexistent field"), name);
}

TEST_CASE("rule reference: the codes are Falco's and ours, and the table has all that are given") {
  std::set<std::string> names;
  for (const CodeInfo& code : all_codes()) {
    const std::string name(code.name);
    CHECK_MESSAGE(names.insert(name).second, name);
    CHECK_MESSAGE((name.starts_with("LOAD_") || name.starts_with("LINT_")), name);
    CHECK_MESSAGE((code.severity == tiercel::Diagnostic::Severity::kError) == name.starts_with("LOAD_ERR_"), name);
    CHECK_MESSAGE((!code.title.empty() && !code.doc.empty()), name);
  }
  // Every code that a source file writes between quotes.
  size_t given = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(source_dir() / "agent")) {
    if (entry.path().extension() != ".cpp" && entry.path().extension() != ".h") continue;
    const std::string text = read_text(entry.path());
    for (const char* prefix : {"\"LOAD_", "\"LINT_"})
      for (size_t at = text.find(prefix); at != std::string::npos; at = text.find(prefix, at + 1)) {
        const size_t end = text.find('"', at + 1);
        const std::string name = text.substr(at + 1, end - at - 1);
        if (name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ_") != std::string::npos) continue;
        CHECK_MESSAGE((name.ends_with('_') || names.contains(name)), entry.path().string() << ": " << name);
        ++given;
      }
  }
  CHECK(given > 20);
  const std::string text = reference();
  if (text.empty()) return;
  size_t falcos = 0;
  for (const auto& row : rows_of(section(text, "## 1.11 ", "## 1.12 ")))
    for (const std::string& part : split(row.at(0), ',')) {
      CHECK_MESSAGE(names.contains(trimmed(part)), part);
      ++falcos;
    }
  CHECK(falcos == 22);
}

TEST_CASE("rule reference: transformers say what they take") {
  CHECK(usage(*transformer_info(Transformer::kJoin)) == "join(a text, a list)");
  CHECK(usage(*transformer_info(Transformer::kConcat)) == "concat(a text, a text, ...)");
  CHECK(all_transformers().size() == 8);
  const std::string wrong = load(rule_yaml("toupper(proc.pid) = x"), plain_options(true)).diagnostics.render_all();
  CHECK(has(wrong, "the type INT64 is not supported"));
  CHECK(has(wrong, "toupper(a text or a list of texts)"));
}

TEST_CASE("rule reference: each page in its three forms holds every row of its table") {
  using namespace tiercel::cli;
  auto parsed = [](const Page& page) {
    rapidjson::Document out;
    const std::string json = render(page, PageFormat::kJson);
    out.Parse(json.c_str());
    REQUIRE(!out.HasParseError());
    return out;
  };
  size_t usable = 0;
  for (const FieldInfo& field : all_fields()) usable += field.has(FF_TABLE_ONLY) ? 0 : 1;
  CHECK(parsed(fields_page()).Size() == usable);
  CHECK(parsed(codes_page()).Size() == all_codes().size());
  CHECK(parsed(events_page()).Size() == event_type_names().size());
  const auto operators = parsed(operators_page());
  CHECK(operators["transformers"].Size() == all_transformers().size());
  for (const auto& row : operators["types"].GetArray())
    if (std::string(row["type"].GetString()) == "BOOL") {
      CHECK(row["operators"].Size() == 6);
      CHECK(row["with_modifiers"].Size() == 3);
    }
  for (const Page& page : {fields_page(), events_page(), operators_page(), codes_page(), evasions_page()}) {
    const std::string text = render(page, PageFormat::kText), markdown = render(page, PageFormat::kMarkdown);
    CHECK(markdown.starts_with("# " + page.title));
    CHECK(has(markdown, "`tiercel " + page.command + " --format markdown`"));
    for (const PageTable& table : page.tables)
      for (const auto& row : table.rows) {
        REQUIRE(row.size() == table.columns.size());
        CHECK_MESSAGE(has(text, "  " + row[0] + " "), row[0]);
        CHECK_MESSAGE(has(markdown, "| `" + row[0] + "` |"), row[0]);
      }
  }
  // What nothing feeds yet says what it waits for, in every form.
  CHECK(has(render(fields_page(), PageFormat::kText), "[Waits for: poll and select events]"));
}
