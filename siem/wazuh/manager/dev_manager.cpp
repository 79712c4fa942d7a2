#include "siem/wazuh/manager/dev_manager.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <thread>

#include "siem/wazuh/manager/agent_store.h"
#include "siem/wazuh/manager/receiver.h"
#include "siem/wazuh/manager/tls_server.h"
#include "siem/wazuh/tcp.h"

namespace tiercel::wazuh {
namespace {

constexpr int kEnrolmentMs = 5'000;
constexpr unsigned kFolderMode = 0750;

}  // namespace

class DevManager::Impl {
 public:
  explicit Impl(DevManagerOptions options)
      : options_(std::move(options)),
        agents_({options_.dir + "/client.keys", options_.password, options_.groups, options_.version,
                 "tiercel-dev-manager", options_.key_update_ms}),
        receiver_(options_, agents_) {}
  ~Impl() { stop(false); }

  Result<> start();
  void stop(bool finish_queue);
  void serve_enrolments();

  // Fixed after start().
  DevManagerOptions options_;
  AgentStore agents_;
  Receiver receiver_;
  uint16_t enrol_port_ = 0;

  std::atomic<uint64_t> enrolled_{0};
  std::atomic<uint64_t> enrol_refused_{0};

 private:
  void log(const std::string& line) const {
    if (options_.on_log) options_.on_log(line);
  }
  TlsServer tls_;
  Fd listener_;
  Fd end_fd_;
  std::thread thread_;
};

Result<> DevManager::Impl::start() {
  if (::mkdir(options_.dir.c_str(), kFolderMode) != 0 && errno != EEXIST)
    return fail_errno("cannot make the folder " + options_.dir, errno);
  if (auto loaded = agents_.load(); !loaded) return loaded;
  if (auto opened = tls_.open(options_.dir + "/manager.cert", options_.dir + "/manager.key", options_.tls,
                              options_.client_ca_file);
      !opened)
    return opened;
  Result<Fd> listener = listen_on_loopback(options_.address, options_.enrol_port);
  if (!listener) return tl::unexpected(listener.error());
  listener_ = std::move(*listener);
  enrol_port_ = local_port(listener_.get());
  end_fd_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!end_fd_.valid()) return fail_errno("cannot make an eventfd", errno);
  if (auto started = receiver_.start(); !started) return started;
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { serve_enrolments(); });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return {};
}

void DevManager::Impl::stop(bool finish_queue) {
  receiver_.stop(finish_queue);
  if (!thread_.joinable()) return;
  const uint64_t one = 1;
  while (::write(end_fd_.get(), &one, sizeof one) < 0 && errno == EINTR) {
  }
  thread_.join();
  listener_.reset();
}

void DevManager::Impl::serve_enrolments() {
  for (;;) {
    const WaitLimit for_ever{UINT64_MAX, end_fd_.get(), [] { return false; }, nullptr};
    if (!wait_for(listener_.get(), POLLIN, for_ever)) return;
    sockaddr_in from{};
    socklen_t size = sizeof from;
    const Fd fd(::accept4(listener_.get(), reinterpret_cast<sockaddr*>(&from), &size, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd.valid()) continue;
    std::array<char, INET6_ADDRSTRLEN> address{};
    if (from.sin_family != AF_INET || ::inet_ntop(AF_INET, &from.sin_addr, address.data(), address.size()) == nullptr)
      address = {"::1"};
    const auto answer = [this, &address](std::string_view line) {
      std::string text = agents_.enrol(line, address.data());
      // The key is nobody else's business: only the refusals are logged whole.
      const bool refused = text.starts_with("ERROR");
      ++(refused ? enrol_refused_ : enrolled_);
      log(refused ? "refused an enrolment: " + text : "enrolled an agent from " + std::string(address.data()));
      return text;
    };
    const WaitLimit limit{deadline_in_ms(kEnrolmentMs), end_fd_.get(), [] { return false; }, nullptr};
    if (auto served = tls_.serve(fd.get(), answer, limit); !served)
      log("an enrolment failed: " + served.error().message);
  }
}

DevManager::DevManager(DevManagerOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
DevManager::~DevManager() = default;

Result<> DevManager::start() {
  return impl_->start();
}

void DevManager::stop() {
  impl_->stop(true);
}

void DevManager::kill() {
  impl_->stop(false);
}

uint16_t DevManager::port() const {
  return impl_->receiver_.port();
}

uint16_t DevManager::enrol_port() const {
  return impl_->enrol_port_;
}

std::string DevManager::certificate_file() const {
  return impl_->options_.dir + "/manager.cert";
}

DevManagerCounts DevManager::counts() const {
  DevManagerCounts counts;
  counts.enrolled = impl_->enrolled_;
  counts.enrol_refused = impl_->enrol_refused_;
  impl_->receiver_.add_counts(counts);
  return counts;
}

std::vector<std::string> DevManager::connected_agents() const {
  return impl_->receiver_.connected_agents();
}

std::vector<std::string> DevManager::responses() const {
  return impl_->receiver_.responses();
}

bool DevManager::send_active_response(const std::string& agent_id, std::string_view json) {
  return send_message(agent_id, "#!-execd " + std::string(json));
}

bool DevManager::force_reconnect(const std::string& agent_id) {
  return send_message(agent_id, "#!-force_reconnect");
}

bool DevManager::request(const std::string& agent_id, std::string_view counter, std::string_view target_and_payload) {
  return send_message(agent_id, "#!-req " + std::string(counter) + ' ' + std::string(target_and_payload));
}

bool DevManager::send_message(const std::string& agent_id, std::string_view message) {
  return impl_->receiver_.send(agent_id, message);
}

void DevManager::push_shared(std::string merged_file) {
  impl_->receiver_.push_shared(std::move(merged_file));
}

}  // namespace tiercel::wazuh
