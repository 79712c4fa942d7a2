// JSON of a runtime's records, read without trust: parsing does not recurse, wrong types read as nothing, texts end at
// their limit, at a NUL, and never within a UTF-8 sequence; `cut` becomes true then. Pure functions, any thread. Only
// for sources of this folder and of agent/runtime.
#pragma once

#include <rapidjson/document.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/container/container.h"

namespace tiercel::container {

using Json = rapidjson::Value;

// False if the text is not one JSON object.
bool parse_object(rapidjson::Document& document, std::string_view text);
// A null value if there is no such member, or no object.
const Json& member(const Json& object, const char* key);

std::string bounded_text(std::string_view text, bool& cut, size_t size_max = kTextSizeMax);
std::string text_of(const Json& value, bool& cut, size_t size_max = kTextSizeMax);
std::string text_at(const Json& object, const char* key, bool& cut, size_t size_max = kTextSizeMax);
std::optional<bool> bool_of(const Json& value);
std::vector<std::string> words_of(const Json& array, bool& cut);
// The members that are texts.
Labels labels_of(const Json& object, bool& cut);
// JSON of an object of texts within a text, as CRI-O has it.
Labels labels_in(std::string_view text, bool& cut);
// nullptr: no such label.
const std::string* find_label(const Labels& labels, std::string_view key);

// "2026-11-27T17:55:50.036294002Z", "...+01:00" -> ns since the epoch; 0 if it is no such time, or before the epoch.
uint64_t time_ns_of(std::string_view rfc3339);

namespace detail {
// The next element of the array from `at` on; empty at the end, or where it is no array.
std::string_view next_element(std::string_view array, size_t& at);
}  // namespace detail

// Calls `take` with the text of each element of an array that holds `needle`, until it says true. Elements are not
// kept: a file of 16 MiB costs no more memory than its largest element.
template <class Take>
bool any_element(std::string_view array, std::string_view needle, Take&& take) {
  size_t at = 0;
  for (;;) {
    const std::string_view element = detail::next_element(array, at);
    if (element.empty()) return false;
    if (element.find(needle) != std::string_view::npos && take(element)) return true;
  }
}

}  // namespace tiercel::container
