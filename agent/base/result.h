// Result<T>: what can fail returns one; the caller must look. Values, no threads, no allocation beyond the message.
// What users wrote wrong (rules, configuration) is not an Error but a Diagnostic (diagnostic.h); a bug aborts.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace tiercel {

// Whose turn it is to act; it is also the exit status of the program.
enum class Fault : int {
  kUser = 1,  // something that the user wrote or asked for
  kHost = 2,  // something that the host lacks: the message names the way out
  kBug = 3,   // something that must not happen
};

struct Error {
  std::string message;  // one sentence, with the way out where there is one
  Fault fault = Fault::kHost;
};

template <class T = void>
using Result = tl::expected<T, Error>;

[[nodiscard]] inline tl::unexpected<Error> fail(std::string message, Fault fault = Fault::kHost) {
  return tl::unexpected<Error>(Error{std::move(message), fault});
}

// "what: strerror(code)"
[[nodiscard]] tl::unexpected<Error> fail_errno(const std::string& what, int code, Fault fault = Fault::kHost);

}  // namespace tiercel
