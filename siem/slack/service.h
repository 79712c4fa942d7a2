// SlackService: siem::Service for a webhook, apart from HTTP, so that tests can stand in for it. Threads:
// siem/forwarder.h.
#pragma once

#include <functional>

#include "agent/http/client.h"
#include "siem/slack/answer.h"
#include "siem/slack/folds.h"
#include "siem/slack/sink.h"

namespace tiercel::slack {

class SlackService final : public siem::Service {
 public:
  using Post = std::function<tl::expected<http::Response, http::Failure>(const http::Request&)>;
  SlackService(SlackOptions options, const Clock& clock, Post post, std::function<void()> stop);

  void take(siem::RowId id, const alert::AlertPtr& alert, uint64_t now_ns) override;
  [[nodiscard]] uint64_t due_ns() const override { return folds_.due_ns(); }
  siem::Attempt send(uint64_t now_ns) override;
  void hurry() override { folds_.hurry(); }
  void stop() override { stop_(); }

 private:
  [[nodiscard]] Result<std::string> url() const;
  [[nodiscard]] Answer meaning_of(const tl::expected<http::Response, http::Failure>& response) const;
  [[nodiscard]] http::Request request_with(std::string url, std::string body) const;

  const SlackOptions options_;
  const Clock& clock_;
  const Post post_;
  const std::function<void()> stop_;
  Folds folds_;
  bool plain_next_ = false;  // the blocks of what is due were not taken
};

}  // namespace tiercel::slack
