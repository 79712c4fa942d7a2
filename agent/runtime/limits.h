// What an answer's texts and labels go through before they are kept: container.h's limits. Pure; any thread.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "agent/container/container.h"

namespace tiercel::runtime {

// At most `size_max` bytes, and no NUL; says in Container::cut if that is less than there was.
std::string kept(container::Container& container, std::string_view text, size_t size_max = container::kTextSizeMax);
// Into a field that has nothing yet.
void fill(container::Container& container, std::string& field, std::string_view text,
          size_t size_max = container::kTextSizeMax);

// Labels as they come, in any order; a key's last value holds, and those beyond the limit are not kept.
class LabelSet {
 public:
  void add(std::string_view key, std::string_view value);
  container::Labels take(container::Container& container);

 private:
  std::map<std::string, std::string> labels_;
  bool cut_ = false;
};

bool is_hex(std::string_view text, size_t size_min, size_t size_max);
// Without "sha256:"; empty if the rest is not 64 hexadecimal digits.
std::string_view image_id_of(std::string_view text);

}  // namespace tiercel::runtime
