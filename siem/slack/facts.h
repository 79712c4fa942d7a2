// Facts: what a person is told of an alert, read from its normalised event (decoders/ALERT.md). Tolerant: what is
// missing or of another type is empty; an event that is no JSON leaves what the Alert itself says. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/alert/alert.h"

namespace tiercel::slack {

struct Facts {
  std::string output;  // what happened, in the rule's words
  std::string host, category;
  std::string event, result;       // "openat", "SUCCESS"
  std::string process, exepath;    // proc.name, proc.exepath
  std::string cmdline, script;     // script: of an interpreter
  std::string pid, cwd;            // pid as digits
  std::string parent, pcmdline;    // proc.pname, proc.pcmdline
  std::vector<std::string> above;  // proc.ancestors: the parent first
  bool uncertain = false;          // what is known of the process was put together afterwards
  std::string user, uid, loginuid;
  std::string fd_type, fd_name, fd_realpath;
  std::string client, client_port, server, server_port, l4proto;
  std::string first_path, second_path;  // of a call with two paths
  std::string container, container_id, image, runtime;
  bool privileged = false, unverified = false;
  std::string pod, pod_namespace;
  std::vector<std::string> techniques;  // "T1059.004"; nothing that is not of that form
};

[[nodiscard]] Facts facts_of(const alert::Alert& alert);

}  // namespace tiercel::slack
