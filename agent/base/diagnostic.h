// Diagnostics: what a user wrote wrong (or oddly), collected so that all of it is reported at once, each with
// file:line:column, the source line and a caret. Not thread-safe; owned by whoever reads the file.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

namespace tiercel {

struct Position {
  std::string file;
  int line = 0;    // 1-based; 0 = the whole file
  int column = 0;  // 1-based; 0 = the whole line
};

struct Diagnostic {
  enum class Severity { kError, kWarning };
  Severity severity = Severity::kError;
  std::string code;     // Falco's name where there is one (LOAD_ERR_COMPILE_CONDITION), else "" or a short word
  std::string message;  // what is wrong
  std::string hint;     // the way out; may be empty
  std::string subject;  // e.g. rule 'Reverse Shell'; may be empty
  Position position;
};

class Diagnostics {
 public:
  // Keeps the text of a file so that render() can show the line. Call once per file read.
  void add_source(const std::string& file, std::string text);
  void add(Diagnostic diagnostic);
  void error(Position position, std::string message, std::string hint = {}, std::string code = {});
  void warning(Position position, std::string message, std::string hint = {}, std::string code = {});

  [[nodiscard]] const std::vector<Diagnostic>& all() const { return all_; }
  [[nodiscard]] size_t errors() const { return errors_; }
  [[nodiscard]] size_t warnings() const { return all_.size() - errors_; }

  // file:line:column: error: message / source line / caret / hint. Colours only when asked for.
  [[nodiscard]] std::string render(const Diagnostic& diagnostic, bool colour = false) const;
  [[nodiscard]] std::string render_all(bool colour = false) const;

 private:
  [[nodiscard]] std::string source_line(const Position& position) const;
  std::map<std::string, std::string> sources_;
  std::vector<Diagnostic> all_;
  size_t errors_ = 0;
};

}  // namespace tiercel
