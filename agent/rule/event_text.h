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
  [[nodiscard]] std::optional<decoders::Param> of_process(std::string_view name) const override;

 private:
  [[nodiscard]] std::optional<decoders::Param> usage_param(std::string_view name) const;
  const context::Event& event_;
  context::PathView view_;
  mutable std::string made_;  // what of_process() told last, where it had to be made
};

// What kind of descriptor the event's is, with Falco's guess for a file that could not be opened.
[[nodiscard]] context::FdKind fd_kind_of(const context::Event& event);
[[nodiscard]] bool has_descriptor(const context::Event& event);

}  // namespace tiercel::rule
