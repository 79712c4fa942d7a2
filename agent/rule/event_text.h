// EventText: what a parameter's text needs from the context (names of users and processes, absolute paths). Borrows the
// event; deciding thread only.
#pragma once

#include <string>
#include <string_view>

#include "agent/context/event.h"
#include "decoders/render.h"

namespace tiercel::rule {

class EventText final : public decoders::Names {
 public:
  EventText(const context::Event& event, context::PathView view) : event_(event), view_(view) {}
  [[nodiscard]] std::string user(uint32_t uid) const override;
  [[nodiscard]] std::string group(uint32_t gid) const override;
  [[nodiscard]] std::string comm(int64_t pid) const override;
  [[nodiscard]] std::string absolute(std::string_view raw, std::string_view base) const override;
  [[nodiscard]] std::string descriptor(int64_t fd) const override;
  [[nodiscard]] std::string tuple() const override;

 private:
  const context::Event& event_;
  context::PathView view_;
};

// fd.typechar and fd.type of the event's descriptor; '\0' and "" if it has none.
[[nodiscard]] char fd_type_char(const context::Event& event);
[[nodiscard]] std::string_view fd_type_name(const context::Event& event);
[[nodiscard]] bool has_descriptor(const context::Event& event);

}  // namespace tiercel::rule
