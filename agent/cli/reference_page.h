// A reference page as data, and its three forms: text for a terminal, a Markdown page, JSON. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tiercel::cli {

enum class PageFormat { kText, kMarkdown, kJson };
[[nodiscard]] std::optional<PageFormat> page_format(std::string_view word);  // "text", "markdown", "json"

struct PageColumn {
  std::string title;
  std::string key;    // in JSON
  bool code = false;  // Markdown: set as code
  bool list = false;  // JSON: ", " separates the elements of an array
  bool json_only = false;
};

struct PageTable {
  std::string key;  // in JSON, where the page has several tables that are not one
  std::string title, text;
  std::vector<PageColumn> columns;
  std::vector<std::vector<std::string>> rows;  // as many cells as columns
};

struct Page {
  std::string title;
  std::string command;     // "fields": what prints the page
  std::string text;        // what the page says
  bool one_array = false;  // JSON: the rows of all tables in one array
  std::vector<PageTable> tables;
};

[[nodiscard]] std::string render(const Page& page, PageFormat format);

// The pages; their rows come from the tables that the program itself works by.
[[nodiscard]] Page fields_page();
[[nodiscard]] Page events_page();
[[nodiscard]] Page operators_page();
[[nodiscard]] Page codes_page();
[[nodiscard]] Page evasions_page();

}  // namespace tiercel::cli
