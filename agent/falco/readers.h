// What keys.def names as readers: each reads one key of falco.yaml into the Draft, or checks it where Falco would
// refuse to start. Inner to agent/falco.
#pragma once

#include "agent/config/node.h"
#include "agent/config/reading.h"
#include "agent/falco/draft.h"

namespace tiercel::falco {

#define FALCO_READER(name) void name(config::Reading& reading, const config::TreeNode& node, Draft& draft)
FALCO_READER(read_shared);  // a key that tiercel.yaml has too, with the same meaning
FALCO_READER(read_rules_files);
FALCO_READER(read_rules_file);
FALCO_READER(read_stdout_enabled);
FALCO_READER(read_syslog_enabled);
FALCO_READER(read_file_enabled);
FALCO_READER(read_file_name);
FALCO_READER(read_program_enabled);
FALCO_READER(read_program);
FALCO_READER(read_http_enabled);
FALCO_READER(read_http_url);
FALCO_READER(read_http_user_agent);
FALCO_READER(read_http_insecure);
FALCO_READER(read_http_ca_file);
FALCO_READER(read_http_mtls);
FALCO_READER(read_http_client_cert);
FALCO_READER(read_http_client_key);
FALCO_READER(read_engine_kind);
FALCO_READER(read_capture_file);
FALCO_READER(check_capture_mode);
FALCO_READER(check_event_drops);
FALCO_READER(check_max_consecutives);
FALCO_READER(check_load_plugins);
FALCO_READER(check_port);
FALCO_READER(check_listen_address);
FALCO_READER(check_interval);
#undef FALCO_READER

// What only shows when all keys are read: both rule keys, replay without a file, an output without a
// place.
void check_whole(config::Reading& reading, const Draft& draft);

// Falco's durations: y w d h m s ms, in this order, each at most once, blanks between them allowed ("2h 5m"); 0 for
// anything else.
[[nodiscard]] uint64_t duration_ms(std::string_view text);

}  // namespace tiercel::falco
