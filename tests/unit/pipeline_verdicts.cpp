// From an event to its alert: which responses are asked, and which outputs' conditions the alert carries.
#include <doctest/doctest.h>

#include "agent/base/condition_id.h"
#include "agent/pipeline.h"
#include "rule_support.h"
#include "siem/packed_alert.h"
#include "siem_support.h"

using namespace tiercel;
using namespace tiercel::rule;
using namespace tiercel::rule::test;

namespace {

struct Bench {
  Metrics metrics;
  SystemClock clock;
  context::Containers containers{context::Containers::Options::nothing_read(), metrics};
  context::ProcessTable table{{}, containers, metrics};
  context::Users users{"/nonexistent"};
  context::Enricher enricher{clock, table, containers, users};
  alert::AlertMaker maker{{}};
  alert::Reports reports{metrics};
  std::unique_ptr<siem::Spool> spool = siem::make_spool({}, metrics, clock, reports);
  siem::Spool::ReaderId reader = spool->add_reader({.name = "r"});
  std::optional<Pipeline> pipeline;

  Bench(const std::string& rules, const std::vector<std::string>& conditions) {
    LoadOptions options = plain_options();
    for (const std::string& condition : conditions) options.output_conditions.push_back({"o", condition});
    const Loaded loaded = load(rules, options);
    REQUIRE_MESSAGE(loaded.diagnostics.errors() == 0, loaded.diagnostics.render_all());
    pipeline.emplace(enricher, loaded.rules, maker, *spool, metrics);
  }
  void run_program(const std::string& name) {
    decoders::RecordBuilder<ev_exec> builder(EVT_execve);
    builder->head.time_ns = kNow;
    builder->head.pid = builder->head.tid = 4711;
    builder->head.start_ns = kNow - 5;
    builder.set_text(&ev_exec::argv, name + '\0').set_text(&ev_exec::filename, "/usr/bin/" + name);
    builder.set_text(&ev_exec::exepath, "/usr/bin/" + name).set_text(&ev_exec::cwd, "/");
    const auto bytes = builder.bytes();
    std::vector<uint64_t> words((bytes.size() + 7) / 8);
    std::memcpy(words.data(), bytes.data(), bytes.size());
    pipeline->handle({reinterpret_cast<const std::byte*>(words.data()), bytes.size()});
  }
  alert::AlertPtr last() {
    const auto rows = spool->read(reader, alert::Lane::kRest, 0, 100);
    return rows.empty() ? nullptr : rows.back().alert;
  }
};

const std::string kRules =
    rule_yaml("evt.type = execve and proc.exepath startswith /usr/bin/") +
    "- {rule: Act, condition: rule.name = R and proc.exepath endswith miner, action: {type: kill}}\n";

}  // namespace

TEST_CASE("pipeline: a response is asked with its alert and event, before the alert is in the spool") {
  Bench bench(kRules, {});
  std::vector<std::string> asked;
  bench.pipeline->on_response([&](const Response& response, const context::Event& event, const alert::AlertPtr& alert) {
    CHECK(alert->rule == "R");
    CHECK(!bench.last());
    asked.push_back(response.name + " " + std::to_string(event.head().pid));
  });
  bench.run_program("miner");
  CHECK(asked == std::vector<std::string>{"Act 4711"});
  REQUIRE(bench.last());
  bench.spool->confirm(bench.reader, alert::Lane::kRest, 1);
  bench.run_program("honest");
  CHECK(asked.size() == 1);
  CHECK(bench.last());
  bench.pipeline->on_response(nullptr);  // a replay
  bench.run_program("miner");
  CHECK(asked.size() == 1);
}

TEST_CASE("pipeline: alerts and reports carry the conditions that refuse them") {
  const std::string severe = "rule.priority >= ERROR", own = "rule.source = internal",
                    miner = "proc.exepath endswith miner";
  Bench bench(kRules, {severe, own, miner});
  using Ids = std::vector<uint64_t>;
  bench.run_program("miner");
  REQUIRE(bench.last());
  CHECK(bench.last()->refused_by == Ids{condition_id(severe), condition_id(own)});
  bench.run_program("honest");
  CHECK(bench.last()->refused_by == Ids{condition_id(severe), condition_id(own), condition_id(miner)});
  bench.pipeline->tell(
      {.priority = Priority::kError, .rule = "Tiercel internal: gap", .message = "m", .fields = {}, .time_ns = 5});
  CHECK(bench.last()->source == "internal");
  CHECK(bench.last()->time_ns == 5);
  CHECK(bench.last()->refused_by == Ids{condition_id(miner)});
  CHECK(alert::wanted(*bench.last(), Priority::kError, condition_id(own)));
  CHECK(alert::wanted(*bench.last(), Priority::kError, 0));
  CHECK(!alert::wanted(*bench.last(), Priority::kError, condition_id(miner)));
  CHECK(!alert::wanted(*bench.last(), Priority::kCritical, condition_id(own)));
}
