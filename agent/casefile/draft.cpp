#include "agent/casefile/draft.h"

#include <fmt/core.h>

#include <algorithm>

namespace tiercel::casefile {
namespace {

constexpr uint16_t kFirstEphemeral = 32'768, kSteadyPort = 40'000;

bool plain_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("_./@+=-:%|>();$ ").find(c) != std::string_view::npos;
}

// May the text stand without quotes, in a list on one line too?
bool plain(std::string_view text) {
  if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL") return false;
  if (!std::all_of(text.begin(), text.end(), plain_char)) return false;
  if (text.front() == ' ' || text.back() == ' ' || text.back() == ':' || text.find(": ") != std::string_view::npos)
    return false;
  const std::string_view first = text.substr(0, 1);
  if (std::string_view("@%:=|>").find(first) != std::string_view::npos) return false;
  return first != "-" || (text.size() > 1 && text[1] != ' ');
}

std::string scalar(std::string_view text) {
  if (plain(text)) return std::string(text);
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\')
      out += std::string("\\") + c;
    else if (c == '\n')
      out += "\\n";
    else if (c == '\t')
      out += "\\t";
    else if (byte < 0x20 || byte == 0x7f)
      out += fmt::format("\\x{:02x}", byte);
    else
      out += c;
  }
  return out + '"';
}

// {cmdline: X} alone is X, and so are {name: X} of a container and an event without parameters.
const Draft* short_form(std::string_view key, const Draft& what) {
  if (what.kind != Draft::Kind::kMap || what.entries.size() != 1) return nullptr;
  const auto& [only, value] = what.entries.front();
  const bool is_short = (key == "process" && only == "cmdline") || (key == "container" && only == "name");
  return is_short ? &value : nullptr;
}

std::string flow(std::string_view key, const Draft& what) {
  if (const Draft* value = short_form(key, what)) return scalar(value->text);
  if (what.kind == Draft::Kind::kText) return scalar(what.text);
  if (what.kind == Draft::Kind::kMap && key == "event" && what.entries.size() == 1 &&
      what.entries.front().second.kind == Draft::Kind::kMap && what.entries.front().second.entries.empty())
    return scalar(what.entries.front().first);
  std::string out;
  if (what.kind == Draft::Kind::kList) {
    for (const Draft& item : what.items)
      out += (out.empty() ? "" : ", ") + flow(key == "parents" ? "process" : key == "events" ? "event" : "", item);
    return "[" + out + "]";
  }
  for (const auto& [name, value] : what.entries)
    out += (out.empty() ? "" : ", ") + scalar(name) + ": " + flow(name, value);
  return "{" + out + "}";
}

}  // namespace

std::string flow_text(const Draft& what) {
  return flow("", what);
}

std::string case_text(const Draft& what) {
  constexpr size_t kLine = 118;
  std::string out;
  for (const auto& [key, value] : what.entries) {
    const std::string lead = out.empty() ? "  - " : "    ";
    const std::string line = lead + key + ": " + flow(key, value);
    const bool open = (key == "process" && value.kind == Draft::Kind::kMap && value.entries.size() > 1) ||
                      (key == "events" && value.kind == Draft::Kind::kList);
    if (!open || line.size() <= kLine) {
      out += line + "\n";
      continue;
    }
    out += lead + key + ":\n";
    for (const Draft& item : value.items) out += "      - " + flow("event", item) + "\n";
    for (const auto& [name, inner] : value.entries) {
      if (name != "parents" || inner.kind != Draft::Kind::kList) {
        out += "      " + name + ": " + flow(name, inner) + "\n";
        continue;
      }
      out += "      parents:\n";
      for (const Draft& parent : inner.items) out += "        - " + flow("process", parent) + "\n";
    }
  }
  return out;
}

void steady_ids(Draft& draft, const context::Event& event) {
  constexpr std::string_view kMadeUp = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
  const context::Container* container = event.container();
  if (!container || container->full_id.size() != kMadeUp.size()) return;
  for (const std::string& id : {container->full_id, container->id}) {
    const std::string_view made_up = kMadeUp.substr(0, id.size());
    for (size_t at = draft.text.find(id); at != std::string::npos; at = draft.text.find(id, at + 1))
      draft.text.replace(at, id.size(), made_up);
  }
  for (auto& [key, value] : draft.entries) steady_ids(value, event);
  for (Draft& item : draft.items) steady_ids(item, event);
}

bool Needs::reads(std::string_view prefix) const {
  const auto it = fields.lower_bound(prefix);
  return it != fields.end() && it->starts_with(prefix);
}

uint16_t steady_port(uint16_t port) {
  return port >= kFirstEphemeral ? kSteadyPort : port;
}

}  // namespace tiercel::casefile
