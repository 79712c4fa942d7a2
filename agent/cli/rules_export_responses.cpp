#include <fmt/core.h>

#include "agent/cli/rules_export.h"
#include "agent/response/script.h"

namespace tiercel::cli {
namespace {

constexpr const char* kHead = R"(<!--
  Active responses of Tiercel, for the manager's ossec.conf. Made by the program (make docs), and not to be changed by hand.
  packaging/wazuh-manager/install.sh puts it in place; by hand: append it to /var/ossec/etc/ossec.conf (several
  <ossec_config> blocks are allowed), then systemctl restart wazuh-manager

  The hosts need the scripts: `tiercel response install`, or beside a stock agent
  with its option for /var/ossec. docs/active-response.md explains each.

  <command> only makes a name known; the names begin with tiercel, so that they clash with none of a stock manager. An
  <active-response> says when it is run: those here are off until you take the line <disabled>yes</disabled> away. Bound
  are the detections of Warning and above, and the sums that may stand in their place (tiercel_sums_rules.xml).
-->
<ossec_config>
)";

// A command that is a script with an argument.
struct WithArgument {
  std::string_view name, script, argument, what;
};
constexpr WithArgument kWithArguments[] = {
    {"tiercel-block-destination", "firewall-drop", "dstip",
     "blocks data.dstip, the other end of an outgoing connection"},
};

struct Response {
  std::string_view command;
  unsigned timeout_s;                // 0: none
  std::string_view category, group;  // one of them
  std::string_view why;
};
// file_integrity has none: when a file was changed, whoever changed it is through.
constexpr Response kResponses[] = {
    {"tiercel-kill-process", 0, "cryptomining", "", "A miner: end the process. Another may start it again: find that."},
    {"tiercel-kill-process", 0, "reverse_shell", "", "A shell for somebody far away: end it while they type."},
    {"tiercel-kill-process", 0, "privilege_escalation", "",
     "Somebody becomes root: end the process. An administrator's mistake ends in the same way."},
    {"tiercel-kill-container", 0, "container_escape", "",
     "Something breaks out: end the whole container, and its service."},
    {"tiercel-block-destination", 600, "network", "", "Ten minutes without the address that the connection went to."},
    {"tiercel-kill-process", 0, "", "tiercel_kill,", "For rules of your own: give them one of these four groups."},
    {"tiercel-kill-container", 0, "", "tiercel_kill_container,", ""},
    {"tiercel-firewall-drop", 600, "", "tiercel_block,", ""},
    {"tiercel-disable-account", 3600, "", "tiercel_lock,", ""},
};

std::string command_text(std::string_view name, std::string_view script, std::string_view argument,
                         std::string_view what, bool has_undo) {
  return fmt::format(
      "\n  <!-- {} -->\n"
      "  <command>\n"
      "    <name>{}</name>\n"
      "    <executable>{}</executable>\n"
      "{}"
      "    <timeout_allowed>{}</timeout_allowed>\n"
      "  </command>\n",
      what, name, script, argument.empty() ? "" : fmt::format("    <extra_args>{}</extra_args>\n", argument),
      has_undo ? "yes" : "no");
}

std::string bound_to(const Response& response, const wazuh::IdsByCategory& ids) {
  if (!response.group.empty()) return fmt::format("    <rules_group>{}</rules_group>\n", response.group);
  std::string list;
  if (const auto of = ids.find(std::string(response.category)); of != ids.end())
    for (const uint32_t id : of->second) list += fmt::format("{}{}", list.empty() ? "" : ",", id);
  return fmt::format("    <rules_id>{}</rules_id>\n", list);
}

std::string response_text(const Response& response, const wazuh::IdsByCategory& ids) {
  return fmt::format(
      "\n{}"
      "  <active-response>\n"
      "    <disabled>yes</disabled>\n"
      "    <command>{}</command>\n"
      "    <location>local</location>\n"
      "{}{}"
      "  </active-response>\n",
      response.why.empty() ? "" : fmt::format("  <!-- {} -->\n", response.why), response.command,
      bound_to(response, ids),
      response.timeout_s > 0 ? fmt::format("    <timeout>{}</timeout>\n", response.timeout_s) : "");
}

}  // namespace

std::string manager_responses(const wazuh::IdsByCategory& ids) {
  std::string out = kHead;
  for (const response::ShippedScript& script : response::shipped_scripts()) {
    out += command_text(fmt::format("tiercel-{}", script.name), script.name, "", script.what, script.has_undo);
    for (const WithArgument& more : kWithArguments)
      if (more.script == script.name)
        out += command_text(more.name, more.script, more.argument, more.what, script.has_undo);
  }
  for (const Response& response : kResponses) out += response_text(response, ids);
  return out + "\n</ossec_config>\n";
}

}  // namespace tiercel::cli
