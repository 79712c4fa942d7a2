// The kernel's verdict against the engine's: random rules and responses, and random starts of programs, each judged by
// bpf/include/verdict.h in the kernel (BPF_PROG_TEST_RUN) and by the Matcher, from the same bytes. Exact conditions
// must agree in containers; those that are sufficient may only hold where the engine asks for the response. On the host
// the kernel never acts. As root; 100,000 starts under TIERCEL_SOAK=1, else 2,000.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <unistd.h>

#include <bpf/verdict_try.skel.h>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "agent/base/clock.h"
#include "agent/context/enricher.h"
#include "agent/reload/rules.h"
#include "agent/rule/exact.h"
#include "decoders/encode.h"

namespace tiercel {
namespace {

constexpr uint64_t kContainer = 77, kHost = 78;
constexpr size_t kStartsOfASet = 50;
constexpr int kSkipped = 77;

class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}
  size_t below(size_t n) { return std::uniform_int_distribution<size_t>(0, n - 1)(engine_); }
  bool chance(size_t percent) { return below(100) < percent; }
  const std::string& of(const std::vector<std::string>& items) { return items[below(items.size())]; }

 private:
  std::mt19937 engine_;
};

const std::vector<std::string> kNames = {"xmrig", "minerd", "cpuminer", "sh", "fifteen-bytes-x", "a b", "x"};
const std::vector<std::string> kPaths = {
    "/usr/bin/xmrig",     "/bin/sh", "/tmp/a (deleted)", "/x", std::string(240, 'p'), std::string(254, 'q'),
    std::string(300, 'r')};
const std::vector<std::string> kWords = {"-o", "stratum+tcp://x", "", "a b"};

std::string list_of(Random& random, const std::vector<std::string>& items) {
  std::string out;
  for (size_t n = 1 + random.below(3); n > 0; --n) out += (out.empty() ? "'" : ", '") + random.of(items) + "'";
  return "(" + out + ")";
}

std::string text_check(Random& random, const std::string& field, const std::vector<std::string>& items) {
  switch (random.below(4)) {
    case 0:
      return field + " = '" + random.of(items) + "'";
    case 1:
      return field + " != '" + random.of(items) + "'";
    default:
      return field + " in " + list_of(random, items);
  }
}

std::string number_check(Random& random, const std::string& field, const std::vector<std::string>& numbers) {
  static const std::vector<std::string> kOps = {"=", "!=", "<", "<=", ">", ">="};
  if (random.chance(30)) return field + " in (" + random.of(numbers) + ", " + random.of(numbers) + ")";
  return field + " " + random.of(kOps) + " " + random.of(numbers);
}

std::string check(Random& random, size_t inexact_percent) {
  if (random.chance(inexact_percent)) {
    static const std::vector<std::string> kInexact = {"proc.cmdline contains 'stratum'", "proc.args contains '-o'",
                                                      "proc.cwd startswith '/tmp'", "proc.name startswith 'x'",
                                                      "proc.exepath pmatch (/usr)"};
    return random.of(kInexact);
  }
  switch (random.below(9)) {
    case 0:
      return text_check(random, "proc.exepath", kPaths);
    case 1:
      return text_check(random, "proc.exe", kPaths);
    case 2:
      return number_check(random, "user.uid", {"0", "1000", "1001"});
    case 3:
      return number_check(random, "user.loginuid", {"-1", "0", "1000", "4294967294"});
    case 4:
      return random.chance(50) ? "proc.is_exe_upper_layer = true" : "proc.is_exe_from_memfd != true";
    case 5:
      return number_check(random, random.chance(50) ? "proc.tty" : "proc.vpid", {"0", "1", "34816"});
    case 6:
      return random.chance(50) ? "evt.type = execve" : "evt.failed = false";
    default:
      return text_check(random, "proc.name", kNames);
  }
}

std::string tree(Random& random, size_t depth, size_t inexact_percent) {
  if (depth == 0 || random.chance(25)) return check(random, inexact_percent);
  if (random.chance(20)) return "not (" + tree(random, depth - 1, inexact_percent) + ")";
  std::string out = "(" + tree(random, depth - 1, inexact_percent);
  const char* word = random.chance(50) ? " and " : " or ";
  for (size_t n = 1 + random.below(2); n > 0; --n) out += word + tree(random, depth - 1, inexact_percent);
  return out + ")";
}

std::string rules_text(Random& random) {
  std::string out;
  const size_t rules = 1 + random.below(3), inexact = random.chance(50) ? 0 : 15;
  for (size_t n = 0; n < rules; ++n)
    out += "- rule: R" + std::to_string(n) + "\n  desc: d\n  condition: >\n    evt.type in (execve, execveat)" +
           (random.chance(80) ? " and container.id != host" : "") + " and " + tree(random, 3, inexact) +
           "\n  output: o\n  priority: WARNING\n  tags: [t" + std::to_string(n % 2) + "]\n";
  static const std::vector<std::string> kAsked = {"rule.name = R0", "rule.name in (R0, R1)",
                                                  "rule.tags intersects (t1)", "rule.priority = WARNING"};
  out += "- rule: Kill\n  desc: d\n  condition: " + random.of(kAsked) +
         (random.chance(30) ? " and " + check(random, inexact) : "") + "\n  action: {type: kill}\n";
  return out;
}

decoders::RecordBuilder<ev_exec> start_of(Random& random, uint32_t pid) {
  decoders::RecordBuilder<ev_exec> b(random.chance(50) ? EVT_execve : EVT_execveat);
  b->head.time_ns = 50'000'000'000 + pid;
  b->head.start_ns = 40'000'000'000 + pid;
  b->head.pid = b->head.tid = pid;
  b->head.exec_id = 3;
  b->head.cgroup_id = random.chance(85) ? kContainer : kHost;
  b->head.euid = static_cast<uint32_t>(random.below(2) * 1000 + random.below(2));
  b->head.egid = b->head.euid;
  b->head.loginuid = random.chance(50) ? UINT32_MAX : static_cast<uint32_t>(random.below(2) * 1000);
  std::memset(b->head.comm, 'G', sizeof b->head.comm);  // what lies behind the NUL is nobody's
  const std::string& comm = random.of(kNames);
  std::memcpy(b->head.comm, comm.c_str(), comm.size() + 1);
  b->flags = static_cast<uint32_t>(random.below(16));
  b->tty = random.chance(50) ? 34816 : 0;
  b->vpid = static_cast<uint32_t>(1 + random.below(2));
  std::string argv;
  if (!random.chance(5)) argv = random.of(kPaths) + '\0';
  for (size_t n = random.below(3); n > 0 && !argv.empty(); --n) argv += random.of(kWords) + '\0';
  b->argv_size = static_cast<uint32_t>(argv.size());
  b.set_text(&ev_exec::argv, argv).set_text(&ev_exec::cwd, random.chance(50) ? "/tmp/x" : "/");
  b.set_text(&ev_exec::exepath, random.of(kPaths) + (random.chance(10) ? " (deleted)" : ""));
  return b;
}

// What the engine makes of records, with one container.
class Engine {
 public:
  Engine()
      : containers_(context::Containers::Options::nothing_read(), metrics_),
        users_("/nonexistent"),
        table_({}, containers_, metrics_),
        enricher_(clock_, table_, containers_, users_) {
    context::Container container;
    container.id = "0123456789ab";
    containers_.announce(kContainer, container);
  }
  bool asks(rule::Matcher& matcher, rule::VerdictJudge& judge, std::span<const std::byte> bytes) {
    const auto record = decoders::Record::parse(bytes);
    if (!record) std::abort();
    bool asked = false;
    enricher_.attach(*record, [&](context::Event& event) {
      const rule::RuleSet& rules = *matcher.rules();
      for (const rule::Match& match : matcher.match(event))
        asked = asked || !judge.judge(rules.verdicts(), match.rule, rules.rule(match.rule), event).responses.empty();
    });
    return asked;
  }

 private:
  Metrics metrics_;
  SystemClock clock_;
  context::Containers containers_;
  context::Users users_;
  context::ProcessTable table_;
  context::Enricher enricher_;
};

// The kernel's side, with the maps of the object made for this.
class Kernel {
 public:
  Kernel() : skeleton_(verdict_try_bpf__open_and_load()) {
    if (!skeleton_) return;
    const auto& maps = skeleton_->maps;
    // No deeds here, so the budgets' map is one of the same shape.
    budgets_ = bpf_map_create(BPF_MAP_TYPE_HASH, "budgets", 8, 8, 64, nullptr);
    responses_ = sensor::KernelResponses({bpf_map__fd(maps.cond_sets), bpf_map__fd(maps.cond_texts),
                                          bpf_map__fd(maps.cond_containers), -1, budgets_, -1});
    responses_.know_container(kContainer, true);
    record_.resize(bpf_map__value_size(maps.try_record));
  }
  ~Kernel() {
    if (budgets_ >= 0) ::close(budgets_);
    verdict_try_bpf__destroy(skeleton_);
  }
  Kernel(const Kernel&) = delete;
  Kernel& operator=(const Kernel&) = delete;
  [[nodiscard]] bool loaded() const { return skeleton_ != nullptr; }
  sensor::KernelResponses& responses() { return responses_; }

  bool holds(std::span<const std::byte> bytes) {
    constexpr size_t kRecordAt = 8;  // struct scratch of bpf/include/maps.h
    const uint32_t zero = 0;
    std::memcpy(record_.data() + kRecordAt, bytes.data(), bytes.size());
    bpf_test_run_opts run{};
    run.sz = sizeof run;
    if (bpf_map_update_elem(bpf_map__fd(skeleton_->maps.try_record), &zero, record_.data(), BPF_ANY) != 0 ||
        bpf_prog_test_run_opts(bpf_program__fd(skeleton_->progs.verdict__try), &run) != 0) {
      std::perror("the program could not be run");
      std::exit(1);
    }
    return (run.retval & 1) != 0;
  }

 private:
  verdict_try_bpf* skeleton_;
  int budgets_ = -1;
  sensor::KernelResponses responses_;
  std::vector<std::byte> record_;
};

struct Seen {
  size_t sets = 0, exact = 0, in_part = 0, none = 0, starts = 0, engine = 0, kernel = 0, wrong = 0;
};

void run_set(Random& random, Kernel& kernel, Engine& engine, Seen& seen) {
  using Grade = rule::KernelCondition::Grade;
  rule::LoadOptions options;
  options.lint = options.warn_unused = false;
  options.matching = random.chance(50) ? rule::Matching::kFirst : rule::Matching::kAll;
  const std::string text = rules_text(random);
  const rule::Loaded loaded = rule::load_texts({{"rules.yaml", text}}, options);
  if (!loaded.rules || loaded.rules->responses().size() != 1) {
    std::fprintf(stderr, "%s\n%s\n", text.c_str(), loaded.diagnostics.render_all().c_str());
    std::exit(1);
  }
  const rule::KernelCondition condition = rule::kernel_condition(*loaded.rules, 0);
  ++seen.sets;
  if (condition.grade == Grade::kNone) {
    ++seen.none;
    if (condition.reason.empty()) std::fprintf(stderr, "no reason: %s\n", text.c_str()), ++seen.wrong;
    return;
  }
  const bool exact = condition.grade == Grade::kExact;
  ++(exact ? seen.exact : seen.in_part);
  const auto made = reload::kernel_responses(*loaded.rules, {});
  const auto in_force = kernel.responses().set(made);
  if (!in_force || !in_force->front()) {
    std::fprintf(stderr, "not taken: %s\n", in_force ? "too large" : in_force.error().message.c_str());
    std::exit(1);
  }
  rule::Matcher matcher(loaded.rules);
  rule::VerdictJudge judge;
  judge.bind(loaded.rules->verdicts());
  for (size_t n = 0; n < kStartsOfASet; ++n) {
    auto start = start_of(random, static_cast<uint32_t>(100 + seen.starts));
    const bool contained = start->head.cgroup_id == kContainer;
    const bool asked = engine.asks(matcher, judge, start.bytes()), killed = kernel.holds(start.bytes());
    ++seen.starts;
    seen.engine += asked ? 1 : 0;
    seen.kernel += killed ? 1 : 0;
    const bool right = exact ? killed == (asked && contained) : !killed || (asked && contained);
    if (right) continue;
    if (++seen.wrong <= 3)
      std::fprintf(stderr, "engine %d, kernel %d, exact %d, container %d, comm %.16s:\n%s\n", asked, killed, exact,
                   contained, start->head.comm, text.c_str());
  }
}

int run() {
  if (::geteuid() != 0) {
    std::puts("skipped: needs root");
    return kSkipped;
  }
  const char* soak = std::getenv("TIERCEL_SOAK");
  const size_t wanted = soak && *soak == '1' ? 100'000 : 2'000;
  Kernel kernel;
  if (!kernel.loaded()) {
    std::perror("the kernel refused the program");
    return 1;
  }
  Engine engine;
  Random random(20261128);
  Seen seen;
  while (seen.starts < wanted) run_set(random, kernel, engine, seen);
  std::printf(
      "%zu rule sets: %zu exact, %zu in part, %zu user space; %zu starts: engine asks for %zu, kernel acts on %zu; "
      "%zu wrong\n",
      seen.sets, seen.exact, seen.in_part, seen.none, seen.starts, seen.engine, seen.kernel, seen.wrong);
  const bool told = seen.exact > 0 && seen.in_part > 0 && seen.none > 0 && seen.kernel > seen.starts / 50;
  if (!told) std::puts("the cases tell nothing: too few of a kind");
  return seen.wrong == 0 && told ? 0 : 1;
}

}  // namespace
}  // namespace tiercel

int main() {
  return tiercel::run();
}
