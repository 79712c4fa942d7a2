// Threads of the agent: with a name (15 characters of it), and with all signals blocked: those are the main loop's.
#pragma once

#include <functional>
#include <string>
#include <thread>

namespace tiercel {

[[nodiscard]] std::thread start_thread(const std::string& name, std::function<void()> run);

}  // namespace tiercel
