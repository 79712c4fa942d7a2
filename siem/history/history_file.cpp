#include "siem/history/history_file.h"

#include <fmt/core.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

namespace tiercel::history {
namespace {

using siem::Database;
using siem::Outcome;
using siem::Statement;
using siem::Trouble;

constexpr mode_t kMode = 0640;
constexpr uint64_t kVictimsAtOnce = 256;

// No sync for a commit: the spool has what the manager must get. Freed pages can be given back.
constexpr const char* kPragmas =
    "PRAGMA page_size=8192; PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
    "PRAGMA cache_size=-1024; PRAGMA journal_size_limit=16777216; PRAGMA temp_store=MEMORY;";

constexpr const char* kTables =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE rules(id INTEGER PRIMARY KEY, name TEXT UNIQUE, rows INTEGER, bytes INTEGER, removed INTEGER,"
    " removed_last INTEGER);"
    "CREATE TABLE alerts(seq INTEGER PRIMARY KEY, time INTEGER, rule INTEGER, priority INTEGER, bytes INTEGER,"
    " id TEXT);"
    "CREATE UNIQUE INDEX alerts_by_id ON alerts(id);"
    "CREATE INDEX alerts_by_rule ON alerts(rule);"
    "CREATE TABLE events(seq INTEGER PRIMARY KEY, event TEXT);"
    "PRAGMA user_version={}; COMMIT;";

}  // namespace

Outcome<std::unique_ptr<HistoryFile>> HistoryFile::open(const std::string& path, uint64_t now_ns) {
  auto database = Database::open(path, "the history", Database::Mode::kWrite);
  if (!database) return tl::unexpected(database.error());
  // Alerts tell what a host runs. (What SQLite makes beside the file has its mode.)
  if (::chmod(path.c_str(), kMode) != 0)
    return tl::unexpected(Trouble{"cannot set the mode of " + path + ": " + std::strerror(errno)});
  if (auto set = (*database)->run(kPragmas); !set) return tl::unexpected(set.error());
  const auto schema = (*database)->pragma("user_version");
  if (!schema) return tl::unexpected(schema.error());
  if (*schema != 0 && *schema != kSchema)
    return tl::unexpected(
        Trouble{fmt::format("the history {} has format {}, which this tiercel does not know", path, *schema), true});
  if (*schema == 0)
    if (auto made = (*database)->run(fmt::format(fmt::runtime(kTables), kSchema).c_str()); !made)
      return tl::unexpected(made.error());
  std::unique_ptr<HistoryFile> file(new HistoryFile(path));
  file->database_ = std::move(*database);
  if (auto taken = file->take_state(now_ns); !taken) return tl::unexpected(taken.error());
  struct stat facts {};
  if (::stat(path.c_str(), &facts) == 0) file->inode_ = facts.st_ino;
  return file;
}

Outcome<> HistoryFile::take_state(uint64_t now_ns) {
  Statement rules(*database_, "SELECT name, id, rows, bytes, removed, removed_last FROM rules");
  while (rules.step())
    rules_[std::string(rules.bytes(0))] =
        Rule{rules.number(1), rules.number(2), rules.number(3), rules.number(4), rules.number(5), false};
  if (auto read = rules.end(); !read) return read;
  for (auto& [name, rule] : rules_) rules_by_id_[rule.id] = &rule;
  Statement last(*database_, "SELECT max(seq) FROM alerts");
  if (last.step()) last_seq_ = last.number(0);
  if (last_seq_ == 0) last_seq_ = now_ns / 1'000;
  return last.end();
}

// A file that somebody removed or replaced still takes what we write, and nobody would ever find it.
bool HistoryFile::still_there() const {
  struct stat facts {};
  return ::stat(path_.c_str(), &facts) == 0 && facts.st_ino == inode_;
}

Outcome<HistoryFile::Written> HistoryFile::write(std::span<const siem::Row> rows, const Limits& limits) {
  if (!still_there()) return tl::unexpected(Trouble{"the history " + path_ + " was removed or replaced", true});
  Written written;
  auto outcome = database_->run("BEGIN IMMEDIATE");
  if (outcome) outcome = apply(rows, limits, written);
  if (outcome) outcome = database_->run("COMMIT");
  if (outcome) return written;
  // Where SQLite has rolled back already there is nothing left to do.
  [[maybe_unused]] const auto rolled_back = database_->run("ROLLBACK");
  return tl::unexpected(outcome.error());
}

Outcome<> HistoryFile::apply(std::span<const siem::Row> rows, const Limits& limits, Written& written) {
  for (const siem::Row& row : rows) {
    const auto inserted = insert(row);
    if (!inserted) return tl::unexpected(inserted.error());
    written.rows += *inserted ? 1 : 0;
  }
  if (limits.older_than_ns > 0)
    if (auto removed = remove_old(limits.older_than_ns, written); !removed) return removed;
  if (auto kept = keep_size(limits.size_bytes_max, written); !kept) return kept;
  return write_rules();
}

// False: it was there already.
Outcome<bool> HistoryFile::insert(const siem::Row& row) {
  const alert::Alert& alert = *row.alert;
  auto known = rules_.find(alert.rule);
  if (known == rules_.end()) {
    Rule rule;
    rule.id = rules_by_id_.empty() ? 1 : rules_by_id_.rbegin()->first + 1;
    known = rules_.emplace(alert.rule, rule).first;
    rules_by_id_[rule.id] = &known->second;
  }
  Rule& rule = known->second;
  const uint64_t seq = last_seq_ + 1, bytes = alert.event_json.size();
  Statement insert(*database_, "INSERT OR IGNORE INTO alerts VALUES(?1,?2,?3,?4,?5,?6)");
  insert.bind(1, seq).bind(2, alert.time_ns).bind(3, rule.id).bind(4, static_cast<uint64_t>(alert.priority));
  if (auto inserted = insert.bind(5, bytes).bind(6, alert.id).run(); !inserted) return tl::unexpected(inserted.error());
  if (database_->changes() == 0) return false;
  Statement event(*database_, "INSERT INTO events VALUES(?1,?2)");
  if (auto inserted = event.bind(1, seq).bind(2, alert.event_json).run(); !inserted)
    return tl::unexpected(inserted.error());
  last_seq_ = seq;
  ++rule.rows;
  rule.bytes += bytes;
  rule.changed = true;
  return true;
}

Outcome<> HistoryFile::remove(Rule& rule, const Victim& victim) {
  for (const char* sql : {"DELETE FROM alerts WHERE seq = ?1", "DELETE FROM events WHERE seq = ?1"}) {
    Statement remove(*database_, sql);
    if (auto removed = remove.bind(1, victim.seq).run(); !removed) return removed;
  }
  rule.rows -= std::min<uint64_t>(rule.rows, 1);
  rule.bytes -= std::min(rule.bytes, victim.bytes);
  ++rule.removed;
  rule.removed_last_ns = std::max(rule.removed_last_ns, victim.time_ns);
  rule.changed = true;
  return {};
}

// The oldest rows come first; a few that are out of order wait a little longer.
Outcome<> HistoryFile::remove_old(uint64_t older_than_ns, Written& written) {
  for (bool more = true; more;) {
    std::vector<std::pair<uint64_t, Victim>> victims;  // with their rules
    {
      Statement oldest(*database_, "SELECT seq, bytes, time, rule FROM alerts ORDER BY seq LIMIT ?1");
      oldest.bind(1, kVictimsAtOnce);
      while (oldest.step() && oldest.number(2) < older_than_ns)
        victims.push_back({oldest.number(3), {oldest.number(0), oldest.number(1), oldest.number(2)}});
      if (auto read = oldest.end(); !read) return read;
    }
    more = victims.size() == kVictimsAtOnce;
    for (const auto& [id, victim] : victims) {
      const auto rule = rules_by_id_.find(id);
      Rule unknown;
      if (auto removed = remove(rule == rules_by_id_.end() ? unknown : *rule->second, victim); !removed) return removed;
    }
    written.removed_for_age += victims.size();
  }
  return {};
}

// Of the rule that fills most, the oldest: a noisy rule pushes out its own alerts and no others.
Outcome<> HistoryFile::keep_size(uint64_t size_bytes_max, Written& written) {
  const auto used = database_->used_bytes();
  if (!used) return tl::unexpected(used.error());
  if (*used <= size_bytes_max) return {};
  // A little more than needed, so that not every write has to.
  uint64_t bytes = *used - size_bytes_max + size_bytes_max / 64;
  while (bytes > 0) {
    Rule *most = nullptr, *second = nullptr;
    for (auto& [name, rule] : rules_) {
      if (most == nullptr || rule.bytes > most->bytes)
        second = std::exchange(most, &rule);
      else if (second == nullptr || rule.bytes > second->bytes)
        second = &rule;
    }
    if (most == nullptr || most->rows == 0) return {};
    const uint64_t above = most->bytes - (second == nullptr ? 0 : second->bytes);
    auto freed = remove_oldest_of(*most, std::min(bytes, std::max<uint64_t>(above, bytes / 8 + 1)), written);
    if (!freed) return tl::unexpected(freed.error());
    if (*freed == 0) return {};
    bytes -= std::min(bytes, *freed);
  }
  return {};
}

Outcome<uint64_t> HistoryFile::remove_oldest_of(Rule& rule, uint64_t bytes, Written& written) {
  constexpr uint64_t kMetadataBytes = 100;  // of a row, with its indexes
  uint64_t freed = 0;
  while (freed < bytes && rule.rows > 0) {
    std::vector<Victim> victims;
    {
      Statement oldest(*database_, "SELECT seq, bytes, time FROM alerts WHERE rule = ?1 ORDER BY seq LIMIT ?2");
      oldest.bind(1, rule.id).bind(2, kVictimsAtOnce);
      while (oldest.step()) victims.push_back({oldest.number(0), oldest.number(1), oldest.number(2)});
      if (auto read = oldest.end(); !read) return tl::unexpected(read.error());
    }
    if (victims.empty()) {  // the counts were wrong
      rule.rows = rule.bytes = 0;
      break;
    }
    for (const Victim& victim : victims) {
      if (auto removed = remove(rule, victim); !removed) return tl::unexpected(removed.error());
      ++written.removed_for_size;
      freed += victim.bytes + kMetadataBytes;
      if (freed >= bytes) break;
    }
  }
  return freed;
}

Outcome<> HistoryFile::write_rules() {
  for (auto& [name, rule] : rules_) {
    if (!std::exchange(rule.changed, false)) continue;
    Statement write(*database_, "INSERT OR REPLACE INTO rules VALUES(?1,?2,?3,?4,?5,?6)");
    write.bind(1, rule.id).bind(2, name).bind(3, rule.rows).bind(4, rule.bytes);
    if (auto written = write.bind(5, rule.removed).bind(6, rule.removed_last_ns).run(); !written) return written;
  }
  return {};
}

void HistoryFile::tidy() {
  // Only room is at stake: what fails here is tried again later.
  [[maybe_unused]] const auto tidied = database_->run("PRAGMA incremental_vacuum(512)");
}

}  // namespace tiercel::history
