#include "agent/report/page.h"

#include <utility>

#include "agent/report/charts_text.h"
#include "agent/report/controls_text.h"
#include "agent/report/model_text.h"
#include "agent/report/page_text.h"
#include "agent/report/style_text.h"
#include "agent/report/view_text.h"

namespace tiercel::report {
namespace {

// Inside <script> HTML knows no escapes, and JSON has its own: these characters stand in its strings only.
std::string json_in_html(std::string_view json) {
  std::string out;
  out.reserve(json.size() + json.size() / 32);
  for (size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (c == '<')
      out += "\\u003c";
    else if (c == '>')
      out += "\\u003e";
    else if (c == '&')
      out += "\\u0026";
    else
      out += c;
  }
  return out;
}

std::string text_in_html(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '&')
      out += "&amp;";
    else if (c == '"')
      out += "&quot;";
    else if (static_cast<unsigned char>(c) >= ' ' && c != '\x7f')
      out += c;
  }
  return out;
}

}  // namespace

std::string to_page(std::string_view report_json, std::string_view title, std::string_view nonce) {
  const std::string json = json_in_html(report_json), heading = text_in_html(title);
  const std::pair<std::string_view, std::string_view> parts[] = {
      {"@NONCE@", nonce},      {"@TITLE@", heading},      {"@STYLE@", kStyleText}, {"@REPORT@", json},
      {"@MODEL@", kModelText}, {"@CHARTS@", kChartsText}, {"@VIEW@", kViewText},   {"@CONTROLS@", kControlsText}};
  // One pass over the frame: what is put in is not looked at again.
  std::string out;
  std::string_view rest = kPageText;
  while (!rest.empty()) {
    const size_t at = rest.find('@');
    out += rest.substr(0, at);
    if (at == std::string_view::npos) break;
    rest.remove_prefix(at);
    std::string_view put = rest.substr(0, 1);
    size_t taken = 1;
    for (const auto& [mark, text] : parts) {
      if (!rest.starts_with(mark)) continue;
      put = text;
      taken = mark.size();
    }
    out += put;
    rest.remove_prefix(taken);
  }
  return out;
}

}  // namespace tiercel::report
