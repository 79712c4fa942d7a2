// A normalised event (decoders/ALERT.md) as it is to be shown: looked into by path, without surprises. What others
// wrote goes to a terminal only with its control characters escaped, and is given so.
#pragma once

#include <rapidjson/document.h>

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tiercel::cli {

class EventView {
 public:
  // json: the object with or without "tiercel" around it.
  explicit EventView(std::string_view json);
  [[nodiscard]] bool valid() const { return valid_; }
  // Of "tiercel"; a list's items with commas between. Empty: it is not there.
  [[nodiscard]] std::string text(std::initializer_list<const char*> path) const;
  [[nodiscard]] std::vector<std::string> list(std::initializer_list<const char*> path) const;
  // Container's name, else its id; empty: the host.
  [[nodiscard]] std::string container() const;
  // All that is in it, in its order: "proc.name" and the value. What stands beside "tiercel" is left out.
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> leaves() const;

 private:
  [[nodiscard]] const rapidjson::Value* find(std::initializer_list<const char*> path) const;

  rapidjson::Document document_;
  const rapidjson::Value* root_ = nullptr;
  bool valid_ = false;
};

}  // namespace tiercel::cli
