#include "siem/slack/blocks.h"

#include <fmt/core.h>

#include <algorithm>

#include "agent/alert/json.h"
#include "siem/slack/text.h"

namespace tiercel::slack {

std::string Blocks::text_object(std::string_view mrkdwn) {
  units_ += units(mrkdwn);
  return fmt::format(R"({{"type":"mrkdwn","text":{},"verbatim":true}})", alert::json_string(mrkdwn));
}

void Blocks::header(std::string_view text) {
  units_ += units(text);
  blocks_.push_back(fmt::format(R"({{"type":"header","text":{{"type":"plain_text","text":{},"emoji":false}}}})",
                                alert::json_string(text)));
}

void Blocks::section(std::string_view mrkdwn) {
  blocks_.push_back(fmt::format(R"({{"type":"section","text":{}}})", text_object(mrkdwn)));
}

void Blocks::fields(const std::vector<std::string>& mrkdwn) {
  if (mrkdwn.empty()) return;
  std::string all;
  for (size_t i = 0; i < std::min(mrkdwn.size(), kFieldsMax); ++i) all += (i > 0 ? "," : "") + text_object(mrkdwn[i]);
  blocks_.push_back(fmt::format(R"({{"type":"section","fields":[{}]}})", all));
}

void Blocks::context(std::string_view mrkdwn) {
  blocks_.push_back(fmt::format(R"({{"type":"context","elements":[{}]}})", text_object(mrkdwn)));
}

std::string Blocks::json() const {
  std::string all = "[";
  for (size_t i = 0; i < blocks_.size(); ++i) all += (i > 0 ? "," : "") + blocks_[i];
  return all + "]";
}

}  // namespace tiercel::slack
