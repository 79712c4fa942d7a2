// Dialogue: what one question says to one socket, with one limit of time for all its requests. A lane's thread only.
#pragma once

#include <chrono>
#include <string>

#include "agent/http/client.h"

namespace tiercel::runtime {

// What became of a question at one socket.
enum class Outcome {
  kAnswered,
  kNotFound,  // the runtime does not know the container
  kFailed,    // no answer, or none that can be believed
  kHung,      // no answer in the time
};

class Dialogue {
 public:
  using Deadline = std::chrono::steady_clock::time_point;

  Dialogue(http::Client& client, std::string socket, Deadline deadline, size_t answer_size_max)
      : client_(client), socket_(std::move(socket)), deadline_(deadline), answer_size_max_(answer_size_max) {}

  // Sets the request's socket and limits, and sends it.
  [[nodiscard]] tl::expected<http::Response, http::Failure> send(http::Request request) const;
  [[nodiscard]] size_t answer_size_max() const { return answer_size_max_; }

 private:
  http::Client& client_;
  std::string socket_;
  Deadline deadline_;
  size_t answer_size_max_;
};

[[nodiscard]] Outcome outcome_of(const http::Failure& failure);

}  // namespace tiercel::runtime
