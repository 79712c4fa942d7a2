// Blocks: writes Block Kit's JSON and counts what the service limits. Short-lived; one thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tiercel::slack {

inline constexpr size_t kBlocksMax = 50;
inline constexpr size_t kSectionMax = 3'000;
inline constexpr size_t kFieldMax = 2'000;
inline constexpr size_t kFieldsMax = 10;
inline constexpr size_t kHeaderMax = 150;
inline constexpr size_t kTextMax = 12'000;  // of a message

// Blocks that stand together. Texts are finished mrkdwn, but the header's, which is plain.
class Blocks {
 public:
  void header(std::string_view text);
  void section(std::string_view mrkdwn);
  void fields(const std::vector<std::string>& mrkdwn);  // none: no block
  void context(std::string_view mrkdwn);

  [[nodiscard]] size_t count() const { return blocks_.size(); }
  [[nodiscard]] size_t text_units() const { return units_; }
  [[nodiscard]] std::string json() const;  // [...]

 private:
  std::string text_object(std::string_view mrkdwn);
  std::vector<std::string> blocks_;
  size_t units_ = 0;
};

}  // namespace tiercel::slack
