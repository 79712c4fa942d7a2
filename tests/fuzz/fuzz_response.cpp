// What a manager sends to be done, what a script answers, ar.conf. Whatever is taken keeps the limits, and what goes to
// a script is one line that reads as the same command again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "agent/response/account.h"
#include "agent/response/ar_conf.h"
#include "agent/response/command.h"
#include "agent/response/firewall.h"

namespace {

using namespace tiercel::response;

void demand(bool holds) {
  if (!holds) std::abort();
}

void fuzz_command(std::string_view bytes) {
  const auto command = parse_command(bytes);
  if (!command) return;
  demand(is_plain_name(command->name) && command->name.find('/') == std::string::npos);
  demand(command->extra_args.size() <= 64);
  const std::string message = script_message(bytes, "add", "active-response/bin/x");
  demand(!message.empty() && message.find('\n') == std::string::npos && message.find('\0') == std::string::npos);
  const std::string undo = with_verb(message, "delete");
  const auto again = parse_command(undo);
  demand(undo.size() > kCommandBytesMax || (again && again->name == "delete"));
  if (!again) return;
  demand(again->cause.pid == command->cause.pid && again->cause.start_ns == command->cause.start_ns);
  demand(again->cause.srcip == command->cause.srcip && again->cause.container_id == command->cause.container_id);
  if (const auto user = account_of(command->cause)) demand(is_plain_name(*user) && !user->starts_with('-'));
  if (const auto address = plain_address(command->cause.srcip))
    demand(address->find_first_not_of("0123456789abcdef.:") == std::string::npos);
}

void fuzz_line(std::string_view bytes) {
  const ScriptLine line = parse_script_line(bytes);
  if (!line.keys) return;
  demand(line.keys->size() <= kKeysMax);
  const std::string again = check_keys_line("x", *line.keys);
  demand(again.find('\n') == std::string::npos);
  if (again.size() <= kScriptLineBytesMax) demand(parse_script_line(again).keys == line.keys);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 4) {
    case 0:
      fuzz_command(bytes);
      break;
    case 1:
      fuzz_line(bytes);
      break;
    case 2:
      for (const ArEntry& entry : parse_ar_conf(bytes))
        demand(is_plain_name(entry.name) && is_plain_name(entry.executable) && entry.timeout_s <= kTimeoutSMax);
      break;
    default:
      (void)managers_of_ossec_conf(bytes);
      (void)gateways_of(bytes, bytes);
  }
  return 0;
}
