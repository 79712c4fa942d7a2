#include "siem/spool_file.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <map>
#include <utility>

#include "agent/base/fd.h"
#include "agent/base/log.h"
#include "siem/packed_alert.h"

namespace tiercel::siem {
namespace {

using alert::Lane;

constexpr int kSchema = 2;
constexpr int kSchemaWithoutMarks = 1;
constexpr mode_t kMode = 0640;
constexpr size_t kVictimsAtOnce = 256;

constexpr uint64_t kPageBytes = 8'192;  // several alerts

constexpr size_t kHeaderBytes = 100;
constexpr uint64_t kWrittenBy = 3'040'000;  // a version of SQLite; it says who wrote last, and means nothing
constexpr std::string_view kMagic("SQLite format 3\0", 16);

// Freed pages can be given back.
std::string pragmas() {
  return fmt::format(
      "PRAGMA page_size={}; PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
      "PRAGMA cache_size=-2048; PRAGMA journal_size_limit=16777216; PRAGMA temp_store=MEMORY;",
      kPageBytes);
}

std::string new_schema() {
  std::string sql = "BEGIN IMMEDIATE;";
  for (size_t p = 0; p < kPriorities; ++p)
    sql += fmt::format(
        "CREATE TABLE p{}(seq INTEGER PRIMARY KEY, time INTEGER, rule TEXT, data BLOB, prev INTEGER, own INTEGER);", p);
  return sql + fmt::format(
                   "CREATE TABLE places(reader TEXT PRIMARY KEY, critical INTEGER, rest INTEGER);"
                   "CREATE TABLE losses(rule TEXT PRIMARY KEY, lost INTEGER, first INTEGER, last INTEGER);"
                   "CREATE TABLE numbers(name TEXT PRIMARY KEY, value INTEGER); PRAGMA user_version={}; COMMIT;",
                   kSchema);
}

// The marks that Chain looks at.
std::string schema_with_marks() {
  std::string sql = "BEGIN IMMEDIATE;";
  for (size_t p = 0; p < kPriorities; ++p)
    sql += fmt::format("ALTER TABLE p{0} ADD COLUMN prev INTEGER; ALTER TABLE p{0} ADD COLUMN own INTEGER;", p);
  return sql + fmt::format("PRAGMA user_version={}; COMMIT;", kSchema);
}

}  // namespace

SpoolFile::SpoolFile(std::string path, std::unique_ptr<Database> writing, std::unique_ptr<Database> reading)
    : path_(std::move(path)), writing_(std::move(writing)), reading_(std::move(reading)) {}

SpoolFile::~SpoolFile() = default;

Outcome<std::unique_ptr<SpoolFile>> SpoolFile::open(const std::string& path) {
  auto writing = Database::open(path, "the spool", Database::Mode::kWrite);
  if (!writing) return tl::unexpected(writing.error());
  // Alerts tell what a host runs. (What SQLite makes beside the file has its mode.)
  if (::chmod(path.c_str(), kMode) != 0)
    return tl::unexpected(Trouble{std::string("cannot set the mode of ") + path + ": " + std::strerror(errno)});
  if (auto set = (*writing)->run(pragmas().c_str()); !set) return tl::unexpected(set.error());
  const auto schema = (*writing)->pragma("user_version");
  if (!schema) return tl::unexpected(schema.error());
  if (*schema != 0 && *schema != kSchema && *schema != kSchemaWithoutMarks)
    return tl::unexpected(
        Trouble{fmt::format("the spool {} has format {}, which this tiercel does not know", path, *schema), true});
  if (*schema != kSchema)
    if (auto made = (*writing)->run((*schema == 0 ? new_schema() : schema_with_marks()).c_str()); !made)
      return tl::unexpected(made.error());
  auto reading = Database::open(path, "the spool", Database::Mode::kWrite);
  if (!reading) return tl::unexpected(reading.error());
  if (auto set = (*reading)->run("PRAGMA cache_size=-512"); !set) return tl::unexpected(set.error());
  std::unique_ptr<SpoolFile> file(new SpoolFile(path, std::move(*writing), std::move(*reading)));
  struct stat facts {};
  if (::stat(path.c_str(), &facts) == 0) file->inode_ = facts.st_ino;
  file->note_beginnings();
  return file;
}

// What stood before a table's first row is done with, or went by a limit.
void SpoolFile::note_beginnings() {
  for (size_t p = 0; p < kPriorities; ++p) {
    Statement first(*writing_, fmt::format("SELECT min(seq) FROM p{}", p));
    if (first.step() && first.number(0) > 0) facts_[p].lost_to = first.number(0) - 1;
  }
}

// Facts: https://www.sqlite.org/fileformat.html, "The Database Header".
void SpoolFile::mend_header(const std::string& path) {
  std::array<char, kHeaderBytes> header{};
  const Fd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat facts {};
  if (!fd.valid() || ::fstat(fd.get(), &facts) != 0 || !S_ISREG(facts.st_mode) ||
      static_cast<uint64_t>(facts.st_size) < kPageBytes ||
      ::pread(fd.get(), header.data(), header.size(), 0) != static_cast<ssize_t>(header.size()))
    return;
  const uint64_t pages_there = (static_cast<uint64_t>(facts.st_size) + kPageBytes - 1) / kPageBytes;
  const auto put = [&header](size_t at, uint64_t value) {
    for (size_t i = 0; i < 4; ++i) header[at + i] = static_cast<char>(value >> (24 - 8 * i));
  };
  uint64_t pages = 0;
  for (size_t i = 28; i < 32; ++i) pages = pages << 8 | static_cast<unsigned char>(header[i]);
  if (std::string_view(header.data(), kMagic.size()) != kMagic) {
    header = {};
    kMagic.copy(header.data(), kMagic.size());
    header[16] = static_cast<char>(kPageBytes >> 8);
    header[18] = header[19] = 2;  // WAL
    header[21] = 64;
    header[22] = header[23] = 32;
    for (const auto& [at, value] : {std::pair<size_t, uint64_t>{24, 1},
                                    {28, pages_there},
                                    {40, 1},
                                    {44, 4},
                                    {52, 3},
                                    {56, 1},
                                    {60, kSchema},
                                    {64, 1},
                                    {92, 1},
                                    {96, kWrittenBy}})
      put(at, value);
    if (::pwrite(fd.get(), header.data(), header.size(), 0) != static_cast<ssize_t>(header.size())) return;
    pages = pages_there;
  }
  constexpr uint64_t kPagesMax = uint64_t{1} << 27;
  if (pages < kPagesMax && pages * kPageBytes > static_cast<uint64_t>(facts.st_size) &&
      ::ftruncate(fd.get(), static_cast<off_t>(pages * kPageBytes)) != 0)
    log::warning("the spool: {} is too short, and cannot be filled up", path);
}

Outcome<SpoolFile::State> SpoolFile::state() {
  State state;
  for (size_t p = 0; p < kPriorities; ++p) {
    Statement rows(*writing_, fmt::format("SELECT count(*), max(seq) FROM p{}", p));
    if (rows.step()) {
      rows_[p] = state.rows[p] = rows.number(0);
      written_to_[p] = rows.number(1);
      facts_[p].written_to = written_to_[p];
      state.last_seq = std::max(state.last_seq, written_to_[p]);
    }
    if (auto read = rows.end(); !read) return tl::unexpected(read.error());
  }
  Statement last(*writing_, "SELECT value FROM numbers WHERE name = 'last_seq'");
  if (last.step()) state.last_seq = std::max(state.last_seq, last.number(0));
  if (auto read = last.end(); !read) return tl::unexpected(read.error());
  Statement places(*writing_, "SELECT reader, critical, rest FROM places");
  while (places.step()) state.places.push_back({std::string(places.bytes(0)), {places.number(1), places.number(2)}});
  if (auto read = places.end(); !read) return tl::unexpected(read.error());
  Statement losses(*writing_, "SELECT rule, lost, first, last FROM losses");
  while (losses.step())
    state.losses.push_back({std::string(losses.bytes(0)), losses.number(1), losses.number(2), losses.number(3)});
  if (auto read = losses.end(); !read) return tl::unexpected(read.error());
  return state;
}

// A file that somebody removed or replaced still takes what we write, and nobody would ever find it.
bool SpoolFile::still_there() const {
  struct stat facts {};
  return ::stat(path_.c_str(), &facts) == 0 && facts.st_ino == inode_;
}

Outcome<SpoolFile::Done> SpoolFile::commit(const Changes& changes) {
  if (!still_there()) {
    Trouble gone{"the spool " + path_ + " was removed or replaced", true};
    gone.still_open = true;
    return tl::unexpected(std::move(gone));
  }
  Done done;
  const auto rows_before = rows_;
  const auto written_before = written_to_;
  // A disk that failed may have kept the last one from ending.
  if (writing_->in_transaction())
    if (auto ended = writing_->run("ROLLBACK"); !ended) return tl::unexpected(Trouble{ended.error().message, false});
  auto outcome = writing_->run("BEGIN IMMEDIATE");
  if (outcome) outcome = apply(changes, done);
  if (outcome) outcome = writing_->run("COMMIT");
  if (!outcome) {
    rows_ = rows_before;
    written_to_ = written_before;
    // The error has been noted; where SQLite has rolled back already there is nothing left to do.
    [[maybe_unused]] const auto rolled_back = writing_->run("ROLLBACK");
    return tl::unexpected(outcome.error());
  }
  for (size_t p = 0; p < kPriorities; ++p) facts_[p].written_to.store(written_to_[p], std::memory_order_release);
  done.rows = rows_;
  return done;
}

Outcome<> SpoolFile::apply(const Changes& changes, Done& done) {
  auto outcome = remove_done(changes);  // first, so that its pages can be used again
  if (outcome) outcome = insert(changes);
  if (outcome) outcome = keep_limits(changes, done);
  if (outcome) outcome = write_places(changes, done);
  return outcome;
}

Outcome<> SpoolFile::insert(const Changes& changes) {
  for (const NewRow& row : changes.rows) {
    const auto priority = static_cast<size_t>(row.alert->priority);
    const std::string data = pack(*row.alert, changes.parts);
    Statement insert(*writing_, fmt::format("INSERT OR REPLACE INTO p{} VALUES(?1,?2,?3,?4,?5,?6)", priority));
    insert.bind(1, row.seq).bind(2, row.alert->time_ns).bind(3, row.alert->rule).bind_blob(4, data);
    insert.bind(5, written_to_[priority]).bind(6, row.seq);
    if (auto inserted = insert.run(); !inserted) return inserted;
    ++rows_[priority];
    written_to_[priority] = std::max(written_to_[priority], row.seq);
  }
  return {};
}

Outcome<> SpoolFile::remove_done(const Changes& changes) {
  for (size_t p = 0; p < kPriorities; ++p) {
    if (rows_[p] == 0) continue;
    const auto lane = static_cast<size_t>(alert::lane_of(static_cast<alert::Priority>(p)));
    // A row whose number is not its own came to nobody: it stays, and is missed.
    Statement remove(*writing_, fmt::format("DELETE FROM p{} WHERE seq <= ?1 AND (own = seq OR own IS NULL)", p));
    if (auto removed = remove.bind(1, changes.done_to[lane]).run(); !removed) return removed;
    rows_[p] -= std::min(rows_[p], writing_->changes());
    // All that was written is done with, yet some of it was not there: bytes of a page were changed under us, and not
    // so that SQLite would see it. Such rows came to no reader.
    if (rows_[p] > 0 && changes.done_to[lane] >= written_to_[p])
      return tl::unexpected(
          Trouble{fmt::format("{} rows that were written are not in it", rows_[p]), true, false, rows_[p]});
  }
  return {};
}

Outcome<> SpoolFile::keep_limits(const Changes& changes, Done& done) {
  if (changes.older_than_ns > 0)
    for (size_t p = 0; p < kPriorities; ++p)
      if (auto evicted = evict(p, UINT64_MAX, 0, changes.older_than_ns, done); !evicted)
        return tl::unexpected(evicted.error());
  auto used = writing_->used_bytes();
  if (!used) return tl::unexpected(used.error());
  if (changes.size_bytes_max == 0 || *used <= changes.size_bytes_max) return {};
  // A little more than needed, so that not every commit has to.
  uint64_t bytes = *used - changes.size_bytes_max + changes.size_bytes_max / 64;
  const bool far_over = *used > changes.size_bytes_max + changes.size_bytes_max / 10;
  for (const bool anybodys : {false, true}) {
    for (size_t p = kPriorities; p-- > 0 && bytes > 0;) {
      const auto lane = static_cast<size_t>(alert::lane_of(static_cast<alert::Priority>(p)));
      auto evicted = evict(p, anybodys ? UINT64_MAX : changes.others_to[lane], bytes, 0, done);
      if (!evicted) return tl::unexpected(evicted.error());
      bytes -= std::min(bytes, *evicted);
      // Rows that somebody else still needs, but not for long, stand before more severe ones: there is a little room.
      if (!anybodys && rows_[p] > 0 && !far_over) return {};
    }
  }
  return {};
}

// The oldest rows of a priority, up to `upto`: so many bytes of them, or all from before a time. Returns the bytes.
Outcome<uint64_t> SpoolFile::evict(size_t priority, uint64_t upto, uint64_t bytes, uint64_t older_than_ns, Done& done) {
  uint64_t freed = 0;
  for (bool more = true; more && rows_[priority] > 0 && (older_than_ns > 0 || freed < bytes);) {
    uint64_t last = 0, victims = 0;
    Statement oldest(*writing_,
                     fmt::format("SELECT seq, time, rule, length(data) FROM p{} WHERE seq <= ?1 ORDER BY seq "
                                 "LIMIT ?2",
                                 priority));
    oldest.bind(1, std::min<uint64_t>(upto, INT64_MAX)).bind(2, kVictimsAtOnce);
    while ((older_than_ns > 0 || freed < bytes) && oldest.step()) {
      const uint64_t time_ns = oldest.number(1);
      if (older_than_ns > 0 && time_ns >= older_than_ns) break;
      const std::string rule(oldest.bytes(2));
      auto loss = std::find_if(done.losses.begin(), done.losses.end(), [&](const Loss& l) { return l.rule == rule; });
      if (loss == done.losses.end()) loss = done.losses.insert(loss, Loss{rule, 0, time_ns, time_ns});
      ++loss->rows;
      loss->from_ns = std::min(loss->from_ns, time_ns);
      loss->to_ns = std::max(loss->to_ns, time_ns);
      last = oldest.number(0);
      done.lost[static_cast<size_t>(alert::lane_of(static_cast<alert::Priority>(priority)))].push_back(last);
      freed += oldest.number(3);
      ++victims;
    }
    if (auto read = oldest.end(); !read) return tl::unexpected(read.error());
    more = victims == kVictimsAtOnce;
    if (victims == 0) break;
    Statement remove(*writing_, fmt::format("DELETE FROM p{} WHERE seq <= ?1", priority));
    if (auto removed = remove.bind(1, last).run(); !removed) return tl::unexpected(removed.error());
    rows_[priority] -= std::min(rows_[priority], victims);
    done.lost_to[priority] = last;
    facts_[priority].lost_to.store(last, std::memory_order_release);
  }
  return freed;
}

Outcome<> SpoolFile::write_places(const Changes& changes, const Done& done) {
  Statement last(*writing_, "INSERT OR REPLACE INTO numbers VALUES('last_seq', ?1)");
  if (auto written = last.bind(1, changes.last_seq).run(); !written) return written;
  for (const Place& place : changes.places) {
    Statement write(*writing_, "INSERT OR REPLACE INTO places VALUES(?1,?2,?3)");
    if (auto written = write.bind(1, place.reader).bind(2, place.cursors[0]).bind(3, place.cursors[1]).run(); !written)
      return written;
  }
  if (changes.losses_told) {
    Statement forget(*writing_, "DELETE FROM losses");
    if (auto forgotten = forget.run(); !forgotten) return forgotten;
  }
  for (const Loss& loss : done.losses) {
    Statement write(*writing_,
                    "INSERT INTO losses VALUES(?1,?2,?3,?4) ON CONFLICT(rule) DO UPDATE SET lost = lost + ?2, "
                    "first = min(first, ?3), last = max(last, ?4)");
    if (auto written = write.bind(1, loss.rule).bind(2, loss.rows).bind(3, loss.from_ns).bind(4, loss.to_ns).run();
        !written)
      return written;
  }
  return {};
}

void SpoolFile::leave_log() {
  writing_->leave_log();
  const std::lock_guard lock(reading_mutex_);
  reading_->leave_log();
}

void SpoolFile::tidy() {
  // Only room is at stake: what fails here is tried again later.
  [[maybe_unused]] const auto tidied = writing_->run("PRAGMA incremental_vacuum(512)");
}

// The tables of the lane, merged by number. At the first trouble in one of them no other goes on: what is missing there
// must not be passed by.
Outcome<std::vector<Row>> SpoolFile::read(Lane lane, uint64_t after, uint64_t upto, size_t most, Notes& notes) {
  const std::lock_guard lock(reading_mutex_);
  std::deque<Chain> chains;
  const auto [begin, end] = priorities_of(lane);
  std::vector<Row> rows;
  for (size_t p = begin; p < end; ++p) {
    chains.emplace_back(*reading_, p, after, true, facts_[p]).step();
    if (auto read = chains.back().end(); !read) return tl::unexpected(read.error());
  }
  for (Outcome<> good; good && rows.size() < most;) {
    Chain* next = nullptr;
    for (Chain& chain : chains)
      if (chain.at_row() && chain.seq() <= upto && (next == nullptr || chain.seq() < next->seq())) next = &chain;
    if (next == nullptr) break;
    notes.last_seq = next->seq();
    if (alert::AlertPtr alert = unpack(next->data()))
      rows.push_back({notes.last_seq, std::move(alert)});
    else
      ++notes.damaged;
    next->step();
    good = next->end();
    if (!good && rows.empty()) return tl::unexpected(good.error());
  }
  return rows;
}

Outcome<uint64_t> SpoolFile::count(Lane lane, uint64_t after, uint64_t upto, bool marked) {
  uint64_t rows = 0;
  const auto [begin, end] = priorities_of(lane);
  const std::lock_guard lock(reading_mutex_);
  for (size_t p = begin; p < end; ++p) {
    Statement count(*reading_, fmt::format("SELECT count(*) FROM p{} WHERE seq > ?1 AND seq <= ?2{}", p,
                                           marked ? " AND own = seq" : ""));
    if (count.bind(1, after).bind(2, std::min<uint64_t>(upto, INT64_MAX)).step()) rows += count.number(0);
    if (auto read = count.end(); !read) return tl::unexpected(read.error());
  }
  return rows;
}

Outcome<std::vector<Row>> SpoolFile::salvage(size_t priority, uint64_t after, bool known, size_t most, Notes& notes) {
  const std::lock_guard lock(reading_mutex_);
  const TableFacts nothing_known;
  Chain chain(*reading_, priority, after, known, nothing_known);
  std::vector<Row> rows;
  while (rows.size() < most && chain.step()) {
    notes.last_seq = chain.seq();
    if (alert::AlertPtr alert = unpack(chain.data()))
      rows.push_back({notes.last_seq, std::move(alert)});
    else
      ++notes.damaged;
  }
  // What came before the trouble is good.
  if (auto read = chain.end(); !read && rows.empty()) return tl::unexpected(read.error());
  return rows;
}

std::optional<Row> SpoolFile::find(size_t priority, uint64_t seq) {
  const std::lock_guard lock(reading_mutex_);
  Statement select(*reading_, fmt::format("SELECT data, own FROM p{} WHERE seq = ?1", priority));
  if (!select.bind(1, seq).step() || (!select.is_null(1) && select.number(1) != seq)) return std::nullopt;
  alert::AlertPtr alert = unpack(select.bytes(0));
  if (!alert) return std::nullopt;
  return Row{seq, std::move(alert)};
}

uint64_t SpoolFile::last_seq() {
  const std::lock_guard lock(reading_mutex_);
  Statement last(*reading_, "SELECT value FROM numbers WHERE name = 'last_seq'");
  return last.step() ? last.number(0) : 0;
}

}  // namespace tiercel::siem
