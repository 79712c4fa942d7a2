// Hand-made events for the rule tests: a small family of processes, on the host or in a container, and one record.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/metrics.h"
#include "agent/context/event.h"
#include "agent/rule/load.h"
#include "decoders/encode.h"

namespace tiercel::rule::test {

inline constexpr uint64_t kNow = 50'000'000'000;  // CLOCK_BOOTTIME of every event
inline constexpr uint64_t kWall = 1'753'986'421'000'000'007;

// The process that makes the event: bash <- sshd <- systemd, pid 300 <- 200 <- 1.
class World {
 public:
  World()
      : containers_(context::Containers::Options::nothing_read(), metrics_),
        table_(context::ProcessTable::Limits{}, containers_, metrics_),
        users_("/nonexistent") {
    init = make(1, "systemd", {"/sbin/init", "splash"}, nullptr);
    parent = make(200, "sshd", {"sshd", "-D", "-o x"}, init);
    process = make(300, "bash", {"-bash", "-c", "echo hi"}, parent);
    process->cwd = "/root/desk";
    process->euid = process->uid = 1000;
    process->loginuid = 1000;
    process->tty = 34817;
  }

  std::shared_ptr<context::Process> make(uint32_t pid, std::string comm, std::vector<std::string> argv,
                                         std::shared_ptr<context::Process> above) {
    auto out = std::make_shared<context::Process>();
    out->key = {pid, kNow - 20'000'000'000 + pid};
    out->vpid = out->vsid = out->vpgid = pid;
    out->parent = std::move(above);
    out->image = image(std::move(comm), std::move(argv));
    return out;
  }

  static std::shared_ptr<context::Image> image(std::string comm, std::vector<std::string> argv) {
    auto out = std::make_shared<context::Image>();
    out->exepath = "/usr/bin/" + comm;
    out->comm = std::move(comm);
    for (size_t n = 1; n < argv.size(); ++n) out->args += (n > 1 ? " " : "") + argv[n];
    out->argv = std::move(argv);
    return out;
  }

  // The process runs this from now on.
  void runs(std::string comm, std::vector<std::string> argv) {
    process->image = image(std::move(comm), std::move(argv));
  }

  void in_container(std::string name = "web") {
    auto container = std::make_shared<context::Container>();
    container->id = "0123456789ab";
    container->full_id = container->id + std::string(52, 'c');
    container->type = "docker";
    container->name = std::move(name);
    container->image = "docker.io/library/nginx:1.25";
    container->image_repository = "docker.io/library/nginx";
    container->image_tag = "1.25";
    container->known = container->verified = true;
    process->container = std::make_shared<context::KnownContainer>(std::make_shared<size_t>(0));
    process->container->facts = std::move(container);
  }

  std::shared_ptr<context::Process> init, parent, process;

  context::ProcessTable& table() { return table_; }
  context::Users& users() { return users_; }

 private:
  Metrics metrics_;
  context::Containers containers_;
  context::ProcessTable table_;
  context::Users users_;
};

// Owns a record's bytes and the event that looks at them.
class TestEvent {
 public:
  template <class T>
  TestEvent(World& world, decoders::RecordBuilder<T>& builder) {
    builder->head.time_ns = kNow;
    builder->head.pid = builder->head.tid = world.process->key.pid;
    builder->head.start_ns = world.process->key.start_ns;
    builder->head.uid = world.process->uid;
    builder->head.euid = world.process->euid;
    builder->head.gid = world.process->gid;
    builder->head.egid = world.process->egid;
    builder->head.loginuid = world.process->loginuid;
    const auto bytes = builder.bytes();
    words_.resize((bytes.size() + 7) / 8);
    std::memcpy(words_.data(), bytes.data(), bytes.size());
    auto parsed = decoders::Record::parse({reinterpret_cast<const std::byte*>(words_.data()), bytes.size()});
    if (!parsed) std::abort();
    record_ = std::make_unique<decoders::Record>(*parsed);
    event_ = std::make_unique<context::Event>(*record_, record_->info(), 7, kWall, world.process, world.process->image,
                                              world.table(), world.users());
  }
  [[nodiscard]] const context::Event& operator*() const { return *event_; }

 private:
  std::vector<uint64_t> words_;
  std::unique_ptr<decoders::Record> record_;
  std::unique_ptr<context::Event> event_;
};

inline TestEvent exec_event(World& world, int64_t res = 0) {
  decoders::RecordBuilder<ev_exec> builder(EVT_execve);
  builder->res = res;
  std::string argv;
  for (const std::string& word : world.process->image->argv) argv += word + '\0';
  builder.set_text(&ev_exec::argv, argv).set_text(&ev_exec::filename, world.process->image->exepath);
  builder.set_text(&ev_exec::cwd, world.process->cwd);
  return {world, builder};
}

struct OpenArgs {
  uint16_t type = EVT_openat;
  std::string name = "/etc/passwd";
  uint32_t flags = O_RDONLY;
  int64_t fd = 3;
  std::string realpath = {};
  uint32_t mode = 0;
  uint32_t i_mode = S_IFREG | 0644;
};

inline TestEvent open_event(World& world, const OpenArgs& args = {}) {
  decoders::RecordBuilder<ev_open> builder(args.type);
  builder->fd = args.fd;
  builder->dirfd = -100;
  builder->flags = args.flags;
  builder->mode = args.mode;
  builder->i_mode = args.fd >= 0 ? args.i_mode : 0;
  builder->dev = 8u << 8 | 1;  // as stat shows it
  builder->ino = 4711;
  builder.set_text(&ev_open::name, args.name).set_text(&ev_open::base, world.process->cwd);
  builder.set_text(&ev_open::realpath, args.realpath);
  return {world, builder};
}

struct SockArgs {
  uint16_t type = EVT_connect;
  int64_t res = 0;
  bool v6 = false;
  std::array<uint8_t, 16> local{10, 0, 0, 1};
  uint16_t lport = 40000;
  std::array<uint8_t, 16> remote{192, 168, 7, 9};
  uint16_t rport = 443;
};

inline TestEvent sock_event(World& world, const SockArgs& args = {}) {
  decoders::RecordBuilder<ev_sock> builder(args.type);
  builder->res = args.res;
  builder->fd = 5;
  builder->family = args.v6 ? 10 : 2;
  builder->l4proto = 6;
  builder->socktype = 1;
  builder->lport = args.lport;
  builder->rport = args.rport;
  std::memcpy(builder->laddr, args.local.data(), 16);
  std::memcpy(builder->raddr, args.remote.data(), 16);
  return {world, builder};
}

inline TestEvent setuid_event(World& world, uint32_t uid, int64_t res = 0) {
  decoders::RecordBuilder<ev_setid> builder(EVT_setuid);
  builder->res = res;
  builder->uid = uid;
  return {world, builder};
}

inline TestEvent mount_event(World& world, std::string_view dev, std::string_view dir, int64_t res = 0) {
  decoders::RecordBuilder<ev_mount> builder(EVT_mount);
  builder->res = res;
  builder.set_text(&ev_mount::dev, dev).set_text(&ev_mount::dir, dir).set_text(&ev_mount::type, "ext4");
  builder.set_text(&ev_mount::base, "/");
  return {world, builder};
}

// ---- rules
// -----------------------------------------------------------------------------------------------------------

inline LoadOptions plain_options(bool strict = false) {
  LoadOptions options;
  options.strict = strict;
  options.append_output.clear();
  options.lint = options.warn_unused = false;
  return options;
}

inline std::string yaml_quoted(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n')
      out += "\\n";
    else if (static_cast<unsigned char>(c) < 0x20)
      out += std::string("\\x") + "0123456789abcdef"[c >> 4] + "0123456789abcdef"[c & 15];
    else
      out += c;
  }
  return out + "\"";
}

inline std::string rule_yaml(std::string_view condition, std::string_view output = "out", std::string_view name = "R") {
  return "- rule: " + std::string(name) + "\n  desc: d\n  condition: " + yaml_quoted(condition) +
         "\n  output: " + yaml_quoted(output) + "\n  priority: WARNING\n";
}

inline Loaded load(std::string text, const LoadOptions& options = plain_options()) {
  return load_texts({{"rules.yaml", std::move(text)}}, options);
}

// Errors of a condition, as "CODE message" lines; "" if it loads.
inline std::string errors_of(const Loaded& loaded) {
  std::string out;
  for (const Diagnostic& d : loaded.diagnostics.all())
    if (d.severity == Diagnostic::Severity::kError) out += d.code + " " + d.message + "\n";
  return out;
}
inline std::string warnings_of(const Loaded& loaded) {
  std::string out;
  for (const Diagnostic& d : loaded.diagnostics.all())
    if (d.severity == Diagnostic::Severity::kWarning) out += d.code + " " + d.message + "\n";
  return out;
}
inline std::string condition_errors(std::string_view condition, bool strict = true) {
  return errors_of(load(rule_yaml(condition), plain_options(strict)));
}

// Does a rule with this condition match the event? A condition that does not load ends the test.
inline bool holds(std::string_view condition, const context::Event& event) {
  const Loaded loaded = load(rule_yaml(condition), plain_options(true));
  if (!loaded.rules) {
    fputs(loaded.diagnostics.render_all().c_str(), stderr);
    throw std::runtime_error("the condition does not load: " + std::string(condition));
  }
  Matcher matcher(loaded.rules);
  return !matcher.match(event).empty();
}

inline Rendered rendered(std::string_view output, const context::Event& event,
                         const LoadOptions& options = plain_options()) {
  const Loaded loaded = load(rule_yaml("evt.num > 0", output), options);
  if (!loaded.rules || loaded.rules->size() != 1) {
    fputs(loaded.diagnostics.render_all().c_str(), stderr);
    throw std::runtime_error("the output does not load: " + std::string(output));
  }
  Matcher matcher(loaded.rules);
  const auto matches = matcher.match(event);
  if (matches.size() != 1) throw std::runtime_error("no match");
  return matcher.render(matches[0], event);
}

inline bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

inline std::string in_rule(const std::string& condition, const std::string& extra = "") {
  return "- rule: r1\n  desc: d\n  condition: " + condition + "\n  output: o\n  priority: INFO\n" + extra;
}

inline std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream out;
  out << file.rdbuf();
  return out.str();
}

inline std::filesystem::path source_dir() {
  return TIERCEL_SOURCE_DIR;
}
// Reference data beside the checkout; empty where there is none (never so in CI).
inline std::filesystem::path shared_dir() {
  const char* given = std::getenv("TIERCEL_SHARED");
  const std::filesystem::path path = given ? std::filesystem::path(given) : source_dir() / ".." / "shared";
  return std::filesystem::exists(path / "data") ? path : std::filesystem::path();
}

}  // namespace tiercel::rule::test
