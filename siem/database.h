// Database: one connection to an SQLite file, and Statement: one run of a statement that is prepared once. The only
// door to SQLite. Errors are Trouble: either the disk cannot now (full, read-only, gone), or the file is damaged.
// One thread at a time uses a connection and its statements.
// Facts: https://www.sqlite.org/rescode.html
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

struct sqlite3;
struct sqlite3_stmt;

namespace tiercel::siem {

struct Trouble {
  std::string message;
  bool damaged = false;  // the file must be made anew; else try again later
  bool full = false;
  uint64_t rows_gone = 0;   // that were written, and that nobody will ever find
  bool still_open = false;  // only the file's name is lost: who has it open can read it
};
template <class T = void>
using Outcome = tl::expected<T, Trouble>;

class Database {
 public:
  enum class Mode : uint8_t { kWrite, kRead };  // kWrite makes the file if it is absent
  // what: for its errors, "the spool".
  static Outcome<std::unique_ptr<Database>> open(const std::string& path, const std::string& what, Mode mode);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  Outcome<> run(const char* sql);
  [[nodiscard]] bool in_transaction() const;
  // The end of this connection takes no more from the log into the file, and removes neither it nor its index: by then
  // their names may be another file's.
  void leave_log();
  // Rows that the last statement inserted, changed or removed.
  [[nodiscard]] uint64_t changes() const;
  // What a PRAGMA without an argument gives.
  [[nodiscard]] Outcome<uint64_t> pragma(const std::string& name);
  // Of the file, without its free pages.
  [[nodiscard]] Outcome<uint64_t> used_bytes();

 private:
  friend class Statement;
  Database() = default;
  [[nodiscard]] tl::unexpected<Trouble> trouble(const std::string& what, int code) const;
  // Null: the file is not what it should be (or memory is out): look at db's error.
  sqlite3_stmt* prepared(const std::string& sql);

  std::string what_;
  sqlite3* db_ = nullptr;
  std::map<std::string, sqlite3_stmt*> statements_;
};

// Reset at the end, so that it holds no snapshot of the file. What is bound as text must outlive the run.
class Statement {
 public:
  Statement(Database& database, const std::string& sql);
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Statement& bind(int at, uint64_t number);
  Statement& bind(int at, const std::string& text);
  Statement& bind_blob(int at, const std::string& bytes);
  bool step();  // true: a row
  Outcome<> run();
  [[nodiscard]] Outcome<> end() const;
  [[nodiscard]] uint64_t number(int column) const;
  [[nodiscard]] bool is_null(int column) const;
  [[nodiscard]] std::string_view bytes(int column) const;

 private:
  Database& database_;
  sqlite3_stmt* statement_;
  int code_ = 0;
};

}  // namespace tiercel::siem
