#include <fmt/core.h>
#include <rapidjson/document.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "siem/history/history.h"
#include "siem/history/history_file.h"

namespace tiercel::history {
namespace {

using siem::Database;
using siem::Statement;
using siem::Trouble;

constexpr uint64_t kNumberMax = INT64_MAX;  // of SQLite

// Its "output".
std::string text_of(const std::string& event_json) {
  rapidjson::Document event;
  event.Parse<rapidjson::kParseIterativeFlag>(event_json.data(), event_json.size());
  if (event.HasParseError() || !event.IsObject()) return {};
  const auto ours = event.FindMember("tiercel");
  if (ours == event.MemberEnd() || !ours->value.IsObject()) return {};
  const auto output = ours->value.FindMember("output");
  if (output == ours->value.MemberEnd() || !output->value.IsString()) return {};
  return {output->value.GetString(), output->value.GetStringLength()};
}

// The order of the join is the written one: alerts by their numbers.
std::string sql_of(const HistoryQuery& query) {
  std::string sql =
      "SELECT a.seq, a.time, a.id, r.name, a.priority, e.event FROM alerts a CROSS JOIN rules r CROSS JOIN events e "
      "WHERE r.id = a.rule AND e.seq = a.seq AND a.seq > ?1 AND a.time >= ?2 AND a.time < ?3 AND a.priority <= ?4";
  if (!query.rule.empty()) sql += " AND a.rule IN (SELECT id FROM rules WHERE lower(name) GLOB lower(?5))";
  if (!query.id.empty()) sql += " AND a.id = ?6";
  return sql + (query.newest ? " ORDER BY a.seq DESC LIMIT ?7" : " ORDER BY a.seq LIMIT ?7");
}

class Reader final : public HistoryReader {
 public:
  explicit Reader(std::string path) : path_(std::move(path)) {}

  Result<> open();
  Result<std::vector<HistoryRow>> read(const HistoryQuery& query, size_t most) override;
  Result<bool> changed() override;
  Result<std::vector<std::string>> rules() override;
  Result<std::vector<HistoryRemoved>> removed() override;

 private:
  [[nodiscard]] tl::unexpected<Error> error(const Trouble& trouble) const;
  [[nodiscard]] uint64_t inode_now() const;
  Result<bool> follow();  // true: the file is another one

  const std::string path_;
  uint64_t inode_ = 0;
  uint64_t version_ = 0;
  std::unique_ptr<Database> database_;
};

tl::unexpected<Error> Reader::error(const Trouble& trouble) const {
  if (trouble.damaged)
    return fail(
        fmt::format("{} is damaged ({}): the agent puts it aside when it writes next; what can be had of it: "
                    "sqlite3 {} .recover",
                    path_, trouble.message, path_));
  return fail(trouble.message);
}

uint64_t Reader::inode_now() const {
  struct stat facts {};
  return ::stat(path_.c_str(), &facts) == 0 ? facts.st_ino : 0;
}

Result<> Reader::open() {
  struct stat facts {};
  const bool there = ::stat(path_.c_str(), &facts) == 0;
  const bool may_not = there ? ::access(path_.c_str(), R_OK) != 0 && errno == EACCES : errno == EACCES;
  if (may_not || (there && ::geteuid() != 0 && ::access(path_.c_str(), W_OK) != 0))
    return fail("the history of alerts may be read by root only: say sudo (" + path_ + ")", Fault::kUser);
  if (!there)
    return fail("there is no history of alerts at " + path_ +
                    ": the agent makes it with its first alert, unless the configuration says history: {enabled: "
                    "false}. If its state is in another folder, name it with --state-dir",
                Fault::kUser);
  auto database = Database::open(path_, "the history", Database::Mode::kRead);
  if (!database) return error(database.error());
  const auto schema = (*database)->pragma("user_version");
  if (!schema) return error(schema.error());
  if (*schema == 0)
    return fail("the history " + path_ + " is empty: its writer has just begun, or something emptied it");
  if (*schema != kSchema)
    return fail(
        fmt::format("the history {} has format {}, and this tiercel reads format {}: use the tiercel that the "
                    "agent is, or let its next start put the file aside",
                    path_, *schema, kSchema));
  inode_ = facts.st_ino;
  database_ = std::move(*database);
  return {};
}

Result<bool> Reader::follow() {
  const uint64_t inode = inode_now();
  if (inode == inode_ || inode == 0) return false;  // 0: away for now; what is open can still be read
  Reader another(path_);
  if (auto opened = another.open(); !opened) return false;  // its writer has just begun: next time
  database_ = std::move(another.database_);
  inode_ = another.inode_;
  version_ = 0;
  return true;
}

Result<std::vector<HistoryRow>> Reader::read(const HistoryQuery& query, size_t most) {
  if (auto followed = follow(); !followed) return tl::unexpected(followed.error());
  std::vector<HistoryRow> rows;
  {
    Statement select(*database_, sql_of(query));
    select.bind(1, std::min(query.after_seq, kNumberMax)).bind(2, std::min(query.since_ns, kNumberMax));
    select.bind(3, std::min(query.until_ns, kNumberMax)).bind(4, static_cast<uint64_t>(query.least));
    if (!query.rule.empty()) select.bind(5, query.rule);
    if (!query.id.empty()) select.bind(6, query.id);
    select.bind(7, std::min<uint64_t>(most, kNumberMax));
    while (select.step()) {
      HistoryRow& row = rows.emplace_back();
      row.seq = select.number(0);
      row.time_ns = select.number(1);
      row.id = select.bytes(2);
      row.rule = select.bytes(3);
      row.priority = static_cast<Priority>(std::min<uint64_t>(select.number(4), uint64_t(Priority::kDebug)));
      row.event_json = select.bytes(5);
    }
    if (auto read = select.end(); !read) return error(read.error());
  }
  for (HistoryRow& row : rows) row.text = text_of(row.event_json);
  if (query.newest) std::reverse(rows.begin(), rows.end());
  return rows;
}

Result<bool> Reader::changed() {
  auto followed = follow();
  if (!followed) return followed;
  const auto version = database_->pragma("data_version");
  if (!version) return error(version.error());
  return std::exchange(version_, *version) != *version || *followed;
}

Result<std::vector<std::string>> Reader::rules() {
  std::vector<std::string> names;
  Statement select(*database_, "SELECT name FROM rules WHERE rows > 0 ORDER BY name");
  while (select.step()) names.emplace_back(select.bytes(0));
  if (auto read = select.end(); !read) return error(read.error());
  return names;
}

Result<std::vector<HistoryRemoved>> Reader::removed() {
  std::vector<HistoryRemoved> rules;
  Statement select(*database_, "SELECT name, removed, removed_last FROM rules WHERE removed > 0 ORDER BY removed DESC");
  while (select.step()) rules.push_back({std::string(select.bytes(0)), select.number(1), select.number(2)});
  if (auto read = select.end(); !read) return error(read.error());
  return rules;
}

}  // namespace

Result<std::unique_ptr<HistoryReader>> HistoryReader::open(const std::string& folder) {
  auto reader = std::make_unique<Reader>(file_in(folder));
  if (auto opened = reader->open(); !opened) return tl::unexpected(opened.error());
  return reader;
}

}  // namespace tiercel::history
