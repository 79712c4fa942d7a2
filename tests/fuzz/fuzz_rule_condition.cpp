// Conditions from anybody: parsing ends, what is printed parses to the same, and what compiles can be run on an event.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>

#include "agent/base/metrics.h"
#include "agent/context/event.h"
#include "agent/rule/load.h"
#include "agent/rule/parser.h"
#include "decoders/encode.h"

namespace {

using namespace tiercel;

// A relative open by a process with one ancestor: fields of every kind have a value.
class OneEvent {
 public:
  OneEvent()
      : containers_(context::Containers::Options::nothing_read(), metrics_),
        table_(context::ProcessTable::Limits{}, containers_, metrics_),
        users_("/nonexistent"),
        builder_(EVT_openat) {
    auto image = std::make_shared<context::Image>();
    image->comm = "bash";
    image->argv = {"bash", "-c", "x"};
    image->args = "-c x";
    auto parent = std::make_shared<context::Process>();
    parent->key = {2, 2};
    parent->image = image;
    auto process = std::make_shared<context::Process>();
    process->key = {3, 3};
    process->image = image;
    process->parent = parent;
    builder_->head.pid = builder_->head.tid = 3;
    builder_->fd = 4;
    builder_.set_text(&ev_open::name, "a/b")
        .set_text(&ev_open::base, "/tmp")
        .set_text(&ev_open::realpath, "/var/tmp/a/b");
    record_ = std::make_unique<decoders::Record>(*decoders::Record::parse(builder_.bytes()));
    event_ = std::make_unique<context::Event>(*record_, record_->info(), 1, 1, process, image, table_, users_);
  }
  [[nodiscard]] const context::Event& get() const { return *event_; }

 private:
  Metrics metrics_;
  context::Containers containers_;
  context::ProcessTable table_;
  context::Users users_;
  decoders::RecordBuilder<ev_open> builder_;
  std::unique_ptr<decoders::Record> record_;
  std::unique_ptr<context::Event> event_;
};

std::string literal_block(const std::string& text) {
  std::string out = "- rule: r\n  desc: d\n  output: \"%proc.name\"\n  priority: INFO\n  condition: \"";
  for (char c : text) {
    static constexpr char kHex[] = "0123456789abcdef";
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte >= 0x7f || c == '"' || c == '\\')
      out += std::string("\\x") + kHex[byte >> 4] + kHex[byte & 15];
    else
      out += c;
  }
  return out + "\"\n";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const OneEvent event;
  const std::string text(reinterpret_cast<const char*>(data), size);
  auto parsed = rule::parse_condition(std::make_shared<const rule::MappedText>(text, rule::Mark{}));
  if (parsed) {
    const std::string once = rule::to_string(*parsed->expr);
    auto again = rule::parse_condition(std::make_shared<const rule::MappedText>(once, rule::Mark{}));
    if (!again || rule::to_string(*again->expr) != once) std::abort();
  }
  rule::LoadOptions options;
  options.append_output.clear();
  const rule::Loaded loaded = rule::load_texts({{"fuzz.yaml", literal_block(text)}}, options);
  if (!loaded.rules) std::abort();
  rule::Matcher matcher(loaded.rules);
  const size_t first = matcher.match(event.get()).size();
  if (matcher.match(event.get()).size() != first) std::abort();
  return 0;
}
