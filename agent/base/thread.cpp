#include "agent/base/thread.h"

#include <pthread.h>

#include <csignal>
#include <utility>

namespace tiercel {

std::thread start_thread(const std::string& name, std::function<void()> run) {
  constexpr size_t kNameMax = 15;  // TASK_COMM_LEN
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);  // the thread inherits it
  std::thread thread(std::move(run));
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ::pthread_setname_np(thread.native_handle(), name.substr(0, kNameMax).c_str());
  return thread;
}

}  // namespace tiercel
