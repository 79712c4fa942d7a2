// Output formats: tokens, widths, missing values, the typed members of output_fields, append_output.
#include <doctest/doctest.h>

#include "rule_support.h"

using namespace tiercel::rule;
using namespace tiercel::rule::test;

namespace {

std::string output_errors(const std::string& output) {
  return errors_of(load(rule_yaml("evt.num > 0", output), plain_options(true)));
}

const OutputValue& field(const Rendered& rendered, std::string_view name) {
  for (const OutputField& entry : rendered.fields)
    if (entry.name == name) return entry.value;
  throw std::runtime_error("no field " + std::string(name));
}

}  // namespace

TEST_CASE("rule output: text and tokens") {
  World world;
  const TestEvent event = exec_event(world, -2);
  auto text = [&](const std::string& output) { return rendered(output, *event).message; };
  CHECK(text("plain text, (100) {x}") == "plain text, (100) {x}");
  CHECK(text("%proc.name") == "bash");
  CHECK(text("a=%proc.name.") == "a=bash.");
  CHECK(text("%proc.nameand(%proc.pid)%proc.pname") == "bashand(300)sshd");
  CHECK(text("%proc.aname[2],%proc.aname[9];%evt.arg.res)") == "systemd,<NA>;ENOENT)");
  CHECK(text("%evt.arg[0]|%evt.arg[res]") == "ENOENT|ENOENT");
  CHECK(text("%proc.args[0]:%proc.args") == "-c:-c echo hi");
  CHECK(text("%fd.name %evt.rawres %evt.failed %proc.duration") == "<NA> -2 true 19999999700");
  CHECK(text("[%10proc.name][%2proc.name][%0proc.name]") == "[bash      ][ba][bash]");
  CHECK(text("%toupper(proc.name) %toupper( basename(proc.exepath) )") == "BASH BASH");
  CHECK(text("[%6toupper(proc.name)][%2tolower(proc.name)]") == "[BASH  ][ba]");
  CHECK(text("%concat(proc.name, \"-\", proc.pname) %join(\",\", (proc.name, \"x\"))") == "bash-sshd bash,x");
  CHECK(text("%len(proc.name)") == "4");
  CHECK(text("%proc.aname|%proc.apid|%proc.apid[1]|%proc.aexe|%proc.acmdline") ==
        "sshd systemd|300|200|sshd /sbin/init|sshd -D -o x systemd splash");
  CHECK(text("%evt.type %evt.num %evt.dir %evt.cpu") == "execve 7 < 0");
  CHECK(text("%evt.time.iso8601 %evt.rawtime.s %evt.rawtime.ns") ==
        "2025-07-31T18:27:01.000000007+0000 1753986421 000000007");
  CHECK(text("*%proc.name") == "*bash");
  CHECK(text("%user.uid %user.loginuid %group.gid %user.name") == "1000 1000 0 <NA>");
  World alone;
  alone.process->parent = nullptr;
  CHECK(rendered("%proc.aname %proc.pname", *exec_event(alone)).message == "<NA> <NA>");
}

TEST_CASE("rule output: other kinds of values") {
  World world;
  const TestEvent socket = sock_event(world);
  CHECK(rendered("%fd.sip %fd.sport %fd.l4proto %fd.name", *socket).message ==
        "192.168.7.9 443 tcp 10.0.0.1:40000->192.168.7.9:443");
  SockArgs six{.v6 = true};
  six.remote = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  CHECK(rendered("%fd.rip", *sock_event(world, six)).message == "2001:db8::1");
  const TestEvent open = open_event(world, {.flags = O_WRONLY | O_CREAT, .mode = 0644});
  CHECK(rendered("%fd.dev %evt.arg.mode %fd.ino", *open).message == "801 0644 4711");
  CHECK(rendered("%container.id %container.name %container.image.repository", *open).message == "host host <NA>");
  world.in_container();
  const TestEvent inside = open_event(world);
  CHECK(rendered("%container.id %container.name %container.image", *inside).message ==
        "0123456789ab web docker.io/library/nginx:1.25");
}

TEST_CASE("rule output: mistakes") {
  for (const char* output : {"%", "100%", "% proc.name", "%nosuch.field", "%proc", "%nosuch(proc.name)",
                             "%toupper(proc.name", "%toupper(nosuch.field)", "%proc.aname[x]", "%proc.name[1]",
                             "%evt.arg", "%evt.arg.nosuch", "%fd.ip", "%toupper(proc.pid)", "%%proc.name"})
    CHECK_MESSAGE(output_errors(output).find("LOAD_ERR_COMPILE_OUTPUT") != std::string::npos, output);
  const std::string two = output_errors("x %usr.name and %prc.name");
  CHECK(two.find("usr.name") != std::string::npos);
  CHECK(two.find("prc.name") != std::string::npos);
}

TEST_CASE("rule output: typed fields, each once, in order") {
  World world;
  world.process->container = nullptr;
  const TestEvent event = exec_event(world, -2);
  const Rendered out = rendered(
      "%proc.name %5proc.pid %proc.name %evt.failed %fd.name %proc.aname[2] %evt.rawres %toupper(proc.exe) %evt.time "
      "%fd.dev %proc.aname",
      *event);
  std::string names;
  for (const OutputField& entry : out.fields) names += entry.name + " ";
  CHECK(names == "proc.name proc.pid evt.failed fd.name proc.aname[2] evt.rawres proc.exe evt.time fd.dev proc.aname ");
  CHECK(field(out, "proc.name").text == "bash");
  CHECK(field(out, "proc.pid").kind == OutputValue::Kind::kInt);
  CHECK(field(out, "proc.pid").i == 300);
  CHECK(field(out, "evt.failed").b);
  CHECK(field(out, "fd.name").kind == OutputValue::Kind::kNull);
  CHECK(field(out, "evt.rawres").i == -2);
  CHECK(field(out, "proc.exe").text == "-bash");
  CHECK(field(out, "evt.time").kind == OutputValue::Kind::kUint);
  CHECK(field(out, "evt.time").u == kWall);
  CHECK(field(out, "proc.aname").text == "sshd systemd");
  CHECK(rendered("no token", *event).fields.empty());
  const TestEvent open = open_event(world);
  CHECK(field(rendered("%fd.dev", *open), "fd.dev").text == "801");
  const TestEvent socket = sock_event(world);
  CHECK(field(rendered("%fd.sport", *socket), "fd.sport").u == 443);
  CHECK(field(rendered("%fd.sip", *socket), "fd.sip").text == "192.168.7.9");
}

TEST_CASE("rule output: append_output") {
  World world;
  const TestEvent event = exec_event(world);
  LoadOptions options = plain_options(true);
  AppendOutput everyone, tagged, named;
  everyone.extra_output = "pid=%proc.pid";
  everyone.extra_fields = {"proc.ppid", "evt.failed"};
  everyone.extra_formatted_fields = {{"who", "%user.uid/%proc.name"}, {"evt.failed", "no"}};
  tagged.match_tags = {"a", "b"};
  tagged.extra_output = "tagged";
  named.match_rule = "other";
  named.extra_output = "never";
  AppendOutput other_source;
  other_source.match_source = "k8s_audit";
  other_source.extra_output = "never";
  options.append_output = {everyone, tagged, named, other_source};
  const Rendered out = rendered("m", *event, options);
  CHECK(out.message == "m pid=300");
  CHECK(field(out, "proc.ppid").i == 200);
  CHECK(field(out, "who").text == "1000/bash");
  CHECK(field(out, "evt.failed").text == "no");
  const Loaded loaded = load(rule_yaml("evt.num > 0", "m") + "  tags: [b, c, a]\n", options);
  Matcher matcher(loaded.rules);
  CHECK(matcher.render(matcher.match(*event)[0], *event).message == "m pid=300 tagged");
  options.append_output = default_append_output();
  CHECK(rendered("m", *event, options).message ==
        "m container_id=host container_name=host container_image_repository=<NA> container_image_tag=<NA> "
        "k8s_pod_name=<NA> k8s_ns_name=<NA>");
  everyone.extra_output = "%nosuch.field";
  options.append_output = {everyone};
  CHECK(errors_of(load(rule_yaml("evt.num > 0", "m"), options)).find("LOAD_ERR_COMPILE_OUTPUT") != std::string::npos);
}
