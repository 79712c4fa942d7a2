#include <string_view>

#include "agent/container/claim.h"
#include "agent/container/container.h"

namespace tiercel::container {
namespace {

constexpr std::string_view kSha256 = "sha256:";

}  // namespace

void set_image(Container& container, std::string image) {
  if (image.size() > kTextSizeMax) {
    image.resize(kTextSizeMax);
    container.cut = true;
  }
  container.image = image;
  std::string_view rest = image;
  std::string_view digits = rest.substr(rest.starts_with(kSha256) ? kSha256.size() : 0);
  if (rest.empty()) return;
  if (is_long_id(digits)) {
    container.image_id = digits;
    return;
  }
  const size_t at = rest.find('@');
  if (at != std::string_view::npos) {
    container.image_digest = rest.substr(at + 1);
    rest = rest.substr(0, at);
  }
  const size_t slash = rest.rfind('/');
  const size_t colon = rest.rfind(':');
  // A colon before the last slash is a port's.
  if (colon != std::string_view::npos && (slash == std::string_view::npos || colon > slash)) {
    container.image_tag = rest.substr(colon + 1);
    rest = rest.substr(0, colon);
  } else if (at == std::string_view::npos) {
    container.image_tag = "latest";
  }
  container.image_repository = rest;
}

}  // namespace tiercel::container
