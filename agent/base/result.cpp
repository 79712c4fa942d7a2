#include "agent/base/result.h"

#include <system_error>

namespace tiercel {

tl::unexpected<Error> fail_errno(const std::string& what, int code, Fault fault) {
  return fail(what + ": " + std::generic_category().message(code), fault);
}

}  // namespace tiercel
