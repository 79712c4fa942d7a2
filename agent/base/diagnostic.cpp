#include "agent/base/diagnostic.h"

#include <algorithm>
#include <utility>

namespace tiercel {
namespace {

constexpr size_t kSnippetColumnsMax = 160;

// The part of a long line around the column, and where the column is within it.
std::pair<std::string, size_t> cut_around(const std::string& line, size_t column) {
  if (line.size() <= kSnippetColumnsMax) return {line, column};
  column = std::min(column, line.size());  // the reader may have counted differently than lines are split here
  size_t begin = column > kSnippetColumnsMax / 2 ? column - kSnippetColumnsMax / 2 : 0;
  return {line.substr(begin, kSnippetColumnsMax), column - begin};
}

}  // namespace

void Diagnostics::add_source(const std::string& file, std::string text) {
  sources_[file] = std::move(text);
}

void Diagnostics::add(Diagnostic diagnostic) {
  if (diagnostic.severity == Diagnostic::Severity::kError) ++errors_;
  all_.push_back(std::move(diagnostic));
}

void Diagnostics::error(Position position, std::string message, std::string hint, std::string code) {
  add({Diagnostic::Severity::kError, std::move(code), std::move(message), std::move(hint), {}, std::move(position)});
}

void Diagnostics::warning(Position position, std::string message, std::string hint, std::string code) {
  add({Diagnostic::Severity::kWarning, std::move(code), std::move(message), std::move(hint), {}, std::move(position)});
}

std::string Diagnostics::source_line(const Position& position) const {
  auto it = sources_.find(position.file);
  if (it == sources_.end() || position.line <= 0) return {};
  const std::string& text = it->second;
  size_t begin = 0;
  for (int line = 1; line < position.line; ++line) {
    size_t end = text.find('\n', begin);
    if (end == std::string::npos) return {};
    begin = end + 1;
  }
  return text.substr(begin, text.find('\n', begin) - begin);
}

std::string Diagnostics::render(const Diagnostic& d, bool colour) const {
  const bool is_error = d.severity == Diagnostic::Severity::kError;
  const char* bold = colour ? "\033[1m" : "";
  const char* tint = !colour ? "" : is_error ? "\033[1;31m" : "\033[1;35m";
  const char* off = colour ? "\033[0m" : "";
  std::string out = bold + d.position.file;
  if (d.position.line > 0) out += ":" + std::to_string(d.position.line);
  if (d.position.line > 0 && d.position.column > 0) out += ":" + std::to_string(d.position.column);
  out += std::string(": ") + tint + (is_error ? "error: " : "warning: ") + off;
  if (!d.subject.empty()) out += d.subject + ": ";
  out += d.message;
  if (!d.code.empty()) out += " [" + d.code + "]";
  out += "\n";
  if (std::string line = source_line(d.position); !line.empty()) {
    std::replace_if(
        line.begin(), line.end(), [](unsigned char c) { return c < 0x20; }, ' ');
    size_t column = d.position.column > 0 ? static_cast<size_t>(d.position.column) - 1 : 0;
    auto [text, at] = cut_around(line, column);
    out += "    " + text + "\n    " + std::string(std::min(at, text.size()), ' ') + tint + "^" + off + "\n";
  }
  if (!d.hint.empty()) out += "    help: " + d.hint + "\n";
  return out;
}

std::string Diagnostics::render_all(bool colour) const {
  std::string out;
  for (const Diagnostic& d : all_) out += render(d, colour);
  return out;
}

}  // namespace tiercel
