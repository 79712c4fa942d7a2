#include "siem/database.h"

#include <sqlite3.h>

#include <algorithm>

namespace tiercel::siem {
namespace {

constexpr int kBusyMs = 2'000;

bool is_damage(int code) {
  const int primary = code & 0xff;
  return primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB || primary == SQLITE_FORMAT ||
         primary == SQLITE_MISMATCH || primary == SQLITE_SCHEMA || primary == SQLITE_ERROR;
}

}  // namespace

Outcome<std::unique_ptr<Database>> Database::open(const std::string& path, const std::string& what, Mode mode) {
  std::unique_ptr<Database> database(new Database);
  database->what_ = what;
  const int access = mode == Mode::kRead ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  const int flags = access | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE;
  const int code = ::sqlite3_open_v2(path.c_str(), &database->db_, flags, nullptr);
  if (code != SQLITE_OK) return database->trouble("open " + path, code);
  ::sqlite3_busy_timeout(database->db_, kBusyMs);
  return database;
}

Database::~Database() {
  for (auto& [sql, statement] : statements_) ::sqlite3_finalize(statement);
  ::sqlite3_close_v2(db_);
}

tl::unexpected<Trouble> Database::trouble(const std::string& what, int code) const {
  const char* detail =
      db_ != nullptr && ::sqlite3_extended_errcode(db_) != SQLITE_OK ? ::sqlite3_errmsg(db_) : ::sqlite3_errstr(code);
  return tl::unexpected(Trouble{"cannot " + what + ": " + detail, is_damage(code), (code & 0xff) == SQLITE_FULL});
}

Outcome<> Database::run(const char* sql) {
  const int code = ::sqlite3_exec(db_, sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return trouble("use " + what_, code);
  return {};
}

bool Database::in_transaction() const {
  return ::sqlite3_get_autocommit(db_) == 0;
}

void Database::leave_log() {
  ::sqlite3_db_config(db_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
}

uint64_t Database::changes() const {
  return static_cast<uint64_t>(::sqlite3_changes64(db_));
}

Outcome<uint64_t> Database::pragma(const std::string& name) {
  Statement statement(*this, "PRAGMA " + name);
  const uint64_t value = statement.step() ? statement.number(0) : 0;
  if (auto read = statement.end(); !read) return tl::unexpected(read.error());
  return value;
}

Outcome<uint64_t> Database::used_bytes() {
  const auto pages = pragma("page_count"), free = pragma("freelist_count"), page_size = pragma("page_size");
  for (const auto* read : {&pages, &free, &page_size})
    if (!*read) return tl::unexpected(read->error());
  return (*pages - std::min(*free, *pages)) * *page_size;
}

sqlite3_stmt* Database::prepared(const std::string& sql) {
  sqlite3_stmt*& statement = statements_[sql];
  if (statement == nullptr) ::sqlite3_prepare_v3(db_, sql.c_str(), -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  return statement;
}

Statement::Statement(Database& database, const std::string& sql)
    : database_(database), statement_(database.prepared(sql)) {
  if (statement_ == nullptr) code_ = ::sqlite3_extended_errcode(database.db_);
}

Statement::~Statement() {
  ::sqlite3_reset(statement_);
  ::sqlite3_clear_bindings(statement_);
}

Statement& Statement::bind(int at, uint64_t number) {
  if (statement_ != nullptr) ::sqlite3_bind_int64(statement_, at, static_cast<int64_t>(number));
  return *this;
}

Statement& Statement::bind(int at, const std::string& text) {
  if (statement_ != nullptr)
    ::sqlite3_bind_text(statement_, at, text.data(), static_cast<int>(text.size()), SQLITE_STATIC);
  return *this;
}

Statement& Statement::bind_blob(int at, const std::string& bytes) {
  if (statement_ != nullptr)
    ::sqlite3_bind_blob(statement_, at, bytes.data(), static_cast<int>(bytes.size()), SQLITE_STATIC);
  return *this;
}

bool Statement::step() {
  if (statement_ == nullptr) return false;
  code_ = ::sqlite3_step(statement_);
  return code_ == SQLITE_ROW;
}

Outcome<> Statement::run() {
  while (step()) {
  }
  return end();
}

Outcome<> Statement::end() const {
  if (code_ == SQLITE_DONE || code_ == SQLITE_ROW || code_ == SQLITE_OK) return {};
  return database_.trouble("use " + database_.what_, code_);
}

uint64_t Statement::number(int column) const {
  return static_cast<uint64_t>(::sqlite3_column_int64(statement_, column));
}

bool Statement::is_null(int column) const {
  return ::sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

std::string_view Statement::bytes(int column) const {
  const void* data = ::sqlite3_column_blob(statement_, column);
  const int size = ::sqlite3_column_bytes(statement_, column);
  return data == nullptr ? std::string_view() : std::string_view(static_cast<const char*>(data), size_t(size));
}

}  // namespace tiercel::siem
