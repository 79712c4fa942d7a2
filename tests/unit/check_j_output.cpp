// Check-list, group J: the output of a rule as text and as JSON.
#include <doctest/doctest.h>

#include <rapidjson/document.h>

#include "agent/alert/json.h"
#include "agent/alert/make.h"
#include "rule_support.h"

using namespace tiercel::rule;
using namespace tiercel::rule::test;

namespace {

std::string text_of(const std::string& output, const TestEvent& event) {
  return rendered(output, *event).message;
}

std::string names_of(const std::string& output, const TestEvent& event) {
  std::string out;
  for (const OutputField& field : rendered(output, *event).fields) out += field.name + " ";
  return out;
}

// The alert that a rule with this output makes, as Falco's two kinds of lines.
struct Lines {
  std::string text, json;
  rapidjson::Document document;
};
Lines lines_of(const std::string& output, const TestEvent& event, const tiercel::alert::MakeOptions& given = {},
               const std::string& more = "") {
  const Loaded loaded = load(rule_yaml("evt.num > 0", output) + more, plain_options(true));
  if (!loaded.rules) throw std::runtime_error(loaded.diagnostics.render_all());
  Matcher matcher(loaded.rules);
  const Match match = matcher.match(*event).front();
  tiercel::alert::AlertMaker maker(given);
  const auto alert = maker.make(*event, loaded.rules->rule(match.rule), matcher.render(match, *event), false);
  Lines out;
  out.text = alert->text_line;
  out.json = alert->falco_json;
  out.document.Parse(out.json.c_str());
  if (out.document.HasParseError()) throw std::runtime_error("no JSON: " + out.json);
  return out;
}

void all_refused(std::initializer_list<const char*> outputs) {
  for (const std::string output : outputs)
    CHECK_MESSAGE(
        has(errors_of(load(rule_yaml("evt.num > 0", output), plain_options(true))), "LOAD_ERR_COMPILE_OUTPUT"), output);
}

}  // namespace

TEST_CASE("J1 text without tokens stays; the fields are those of the tokens, in order, through transformers") {
  World world;
  const TestEvent event = exec_event(world);
  for (const std::string text : {"plain text, (100) {x} [y] <z> * $HOME a=b", "*", "two\nlines"})
    CHECK(text_of(text, event) == text);
  CHECK(names_of("no token", event).empty());
  CHECK(names_of("%proc.name x %toupper(proc.exe) y %proc.pid %10user.uid %proc.name", event) ==
        "proc.name proc.exe proc.pid user.uid ");
  CHECK(names_of("%concat(proc.name, \"-\", proc.pname) %proc.aname[2] %len(fd.name)", event) ==
        "proc.name proc.pname proc.aname[2] fd.name ");
}

TEST_CASE("J2 a token that is none is an error") {
  all_refused({"%", "100%", "x %", "% proc.name", "%%proc.name", "%nosuch.field", "%proc", "%nosuch", "%10",
               "%proc.aname[x]", "%proc.name[1]", "%evt.arg", "%evt.arg.nosuch", "%proc.aname[", "%fd.ip",
               "a %proc.name and %prc.name"});
  const std::string both = errors_of(load(rule_yaml("evt.num > 0", "%usr.name %prc.name"), plain_options(true)));
  CHECK(has(both, "usr.name"));
  CHECK(has(both, "prc.name"));
}

TEST_CASE("J3 a width cuts and pads on the right, with transformers too; JSON has the value itself") {
  World world;
  const TestEvent event = exec_event(world);
  CHECK(text_of("[%10proc.name][%2proc.name][%4proc.name]", event) == "[bash      ][ba][bash]");
  CHECK(text_of("[%6toupper(proc.name)][%2toupper(proc.name)]", event) == "[BASH  ][BA]");
  CHECK(text_of("[%6fd.name][%2fd.name][%5proc.pid]", event) == "[<NA>  ][<N][300  ]");
  const Lines lines = lines_of("[%10proc.name][%2proc.exe][%2fd.name]", event);
  const auto& fields = lines.document["output_fields"];
  CHECK(std::string(fields["proc.name"].GetString()) == "bash");
  CHECK(std::string(fields["proc.exe"].GetString()) == "-bash");
  CHECK(fields["fd.name"].IsNull());
  CHECK(has(lines.text, "[bash      ][-b][<N]"));
}

TEST_CASE("J4 fields side by side, before punctuation, and with each kind of argument") {
  World world;
  world.process->image = World::image("bash", {"-bash", "-c", "echo hi"});
  const TestEvent event = exec_event(world, -2);
  CHECK(text_of("%proc.name%proc.pid%proc.pname", event) == "bash300sshd");
  CHECK(text_of("%proc.name,%proc.pid;(%proc.name).[%proc.pid]:%proc.name.", event) == "bash,300;(bash).[300]:bash.");
  CHECK(text_of("%proc.nameand %proc.pid/x %proc.pname=", event) == "bashand 300/x sshd=");
  CHECK(text_of("%proc.aname[2],%proc.args[0];%evt.arg.res)%evt.arg[res]%evt.arg[0]", event) ==
        "systemd,-c;ENOENT)ENOENTENOENT");
  CHECK(text_of("%proc.env[NOSUCH]|%proc.env[\"NO SUCH\"]|", event) == "||");
  CHECK(text_of("%evt.arg.res.", event) == "ENOENT.");
  CHECK(text_of("%proc.aname.2|%proc.args.1.|%proc.env.NOSUCH|%proc.args.Next", event) ==
        "systemd|echo hi.||-c echo hi.Next");
}

TEST_CASE("J5 a missing value prints <NA> and is null in JSON; a star of the rule's own is text") {
  World world;
  const TestEvent event = exec_event(world);
  CHECK(text_of("%fd.name %proc.aname[9] %toupper(fd.name) %proc.name", event) == "<NA> <NA> <NA> bash");
  CHECK(text_of("*%fd.name*", event) == "*<NA>*");
  const Lines lines = lines_of("%fd.name %proc.aname[9] %proc.name", event);
  CHECK(lines.document["output_fields"]["fd.name"].IsNull());
  CHECK(lines.document["output_fields"]["proc.aname[9]"].IsNull());
  CHECK(has(lines.text, "Warning <NA> <NA> bash"));
}

TEST_CASE("J6 JSON fields have their own types; a transformed token gives its inner field") {
  World world;
  const TestEvent event = exec_event(world, -2);
  const Lines lines = lines_of(
      "%proc.name %proc.pid %evt.rawres %evt.failed %fd.name %toupper(proc.exe) %evt.time %evt.rawtime %user.uid",
      event);
  const auto& fields = lines.document["output_fields"];
  CHECK(std::string(fields["proc.name"].GetString()) == "bash");
  CHECK(fields["proc.pid"].GetInt64() == 300);
  CHECK(fields["evt.rawres"].GetInt64() == -2);
  CHECK(fields["evt.failed"].GetBool());
  CHECK(fields["fd.name"].IsNull());
  CHECK(std::string(fields["proc.exe"].GetString()) == "-bash");
  CHECK(fields["evt.time"].GetUint64() == kWall);
  CHECK(fields["evt.rawtime"].GetUint64() == kWall);
  CHECK(fields["user.uid"].GetUint64() == 1000);
  CHECK(fields.MemberCount() == 9);
  CHECK(has(lines.text, "-BASH"));
  const TestEvent socket = sock_event(world);
  const Lines net = lines_of("%fd.sip %fd.sport %fd.l4proto", socket);
  CHECK(std::string(net.document["output_fields"]["fd.sip"].GetString()) == "192.168.7.9");
  CHECK(net.document["output_fields"]["fd.sport"].GetInt() == 443);
  CHECK(std::string(lines_of("%fd.dev", open_event(world)).document["output_fields"]["fd.dev"].GetString()) == "801");
  const Lines list = lines_of("%getopt((\"-a\", \"-b\"), \"ab\")", event);
  CHECK(has(list.text, "(a,b)"));
}

TEST_CASE("J7 transformers in tokens") {
  World world;
  const TestEvent event = exec_event(world);
  CHECK(text_of("%toupper(proc.name)", event) == "BASH");
  CHECK(text_of("%toupper( basename(proc.exepath) )!", event) == "BASH!");
  CHECK(text_of("%toupper(proc.env[NOSUCH])%toupper(proc.args[0])", event) == "-C");
  CHECK(text_of("%len(proc.name)%b64(\"YQ\")", event) == "4a");
  all_refused({"%nosuch(proc.name)", "%toupper(proc.name", "%toupper()", "%toupper(nosuch.field)", "%toupper(proc.pid)",
               "%toupper(proc.name, proc.pid)", "%toupper(\"x\"", "%toupper (proc.name)"});
}

TEST_CASE("J8 join and concat in tokens") {
  World world;
  const TestEvent event = exec_event(world);
  CHECK(text_of("%concat(proc.name, \"-\", proc.pname)", event) == "bash-sshd");
  CHECK(text_of("<%join(\", \", (proc.name, \"x\", 3, proc.pid))>", event) == "<bash, x, 3, 300>");
  CHECK(text_of("%toupper(concat(\"a\", proc.name)) %join(\",\", ())|", event) == "ABASH |");
  CHECK(text_of("%concat(fd.name, \"x\")", event) == "<NA>");
  all_refused({"%concat(\"a\")", "%join(\",\", proc.name)", "%join(1, (\"a\"))"});
}

TEST_CASE("J9 ancestors without an index are printed from the parent up") {
  World world;
  const TestEvent event = exec_event(world);
  CHECK(text_of("%proc.aname", event) == "sshd systemd");
  CHECK(text_of("%proc.aexe|%proc.aexepath", event) == "sshd /sbin/init|/usr/bin/sshd /usr/bin/systemd");
  CHECK(text_of("%proc.acmdline", event) == "sshd -D -o x systemd splash");
  CHECK(text_of("%proc.apid %proc.apid[0] %proc.apid[1] %proc.apid[2] %proc.apid[3]", event) == "300 300 200 1 <NA>");
  CHECK(text_of("%proc.aname[0] %proc.aname[1] %proc.aname[2] %proc.aname[3]", event) == "bash sshd systemd <NA>");
  World alone;
  alone.process->parent = nullptr;
  const TestEvent orphan = exec_event(alone);
  CHECK(text_of("%proc.aname %proc.aexe %proc.aexepath %proc.acmdline", orphan) == "<NA> <NA> <NA> <NA>");
  CHECK(text_of("%proc.apid", orphan) == "300");
}

TEST_CASE("J10 which members the JSON line has is chosen") {
  World world;
  const TestEvent event = exec_event(world);
  for (unsigned bits = 0; bits < 16; ++bits) {
    tiercel::alert::MakeOptions options;
    options.json_include_output_property = (bits & 1) != 0;
    options.json_include_tags_property = (bits & 2) != 0;
    options.json_include_output_fields_property = (bits & 4) != 0;
    options.json_include_message_property = (bits & 8) != 0;
    const Lines lines = lines_of("m %proc.name", event, options);
    CHECK(lines.document.HasMember("output") == ((bits & 1) != 0));
    CHECK(lines.document.HasMember("tags") == ((bits & 2) != 0));
    CHECK(lines.document.HasMember("output_fields") == ((bits & 4) != 0));
    CHECK(lines.document.HasMember("message") == ((bits & 8) != 0));
    for (const char* always : {"hostname", "priority", "rule", "source", "time"})
      CHECK(lines.document.HasMember(always));
    std::string last;
    for (const auto& each : lines.document.GetObject()) {
      CHECK(last < each.name.GetString());
      last = each.name.GetString();
    }
    if (bits & 8) CHECK(std::string(lines.document["message"].GetString()) == "m bash");
    CHECK(has(lines.text, ": Warning m bash"));
  }
}

TEST_CASE("J11 JSON text: control characters are escaped, what is no UTF-8 is replaced") {
  World world;
  world.runs("bash", {"a\"b\\c\n\t\x01\xff\xc3\xa9"});
  const Lines lines = lines_of("%proc.exe", exec_event(world));
  CHECK(has(lines.json, "\"proc.exe\":\"a\\\"b\\\\c\\n\\t\\u0001\xEF\xBF\xBD\xC3\xA9\""));
  CHECK(std::string(lines.document["output_fields"]["proc.exe"].GetString()) == "a\"b\\c\n\t\x01\xEF\xBF\xBD\xC3\xA9");
  for (char c : lines.json) CHECK(static_cast<unsigned char>(c) >= 0x20);
}

TEST_CASE("J12 the text line escapes quotes, backslashes and control characters: it stays one line") {
  World world;
  world.runs("bash", {"a\"b\\c\nd\te\x01\x1b[31m\xff"});
  const Lines lines = lines_of("say \"%proc.exe\"", exec_event(world));
  CHECK(lines.text.ends_with("Warning say \\\"a\\\"b\\\\c\\nd\\te\\u0001\\u001b[31m\xEF\xBF\xBD\\\""));
  for (char c : lines.text) CHECK(static_cast<unsigned char>(c) >= 0x20);
}

TEST_CASE("J13 ISO time changes the prefix and the name of the time field") {
  World world;
  const TestEvent event = exec_event(world);
  tiercel::alert::MakeOptions iso;
  iso.time_format_iso_8601 = true;
  const Lines lines = lines_of("m %proc.name", event, iso);
  CHECK(lines.text == "2025-07-31T18:27:01.000000007+0000: Warning m bash");
  CHECK(lines.document["output_fields"]["evt.time.iso8601"].GetUint64() == kWall);
  CHECK(!lines.document["output_fields"].HasMember("evt.time"));
  CHECK(std::string(lines.document["time"].GetString()) == "2025-07-31T18:27:01.000000007Z");
  const Lines plain = lines_of("m %proc.name", event);
  CHECK(plain.text.ends_with(":01.000000007: Warning m bash"));
  CHECK(plain.text.size() == std::string("18:27:01.000000007: Warning m bash").size());
  CHECK(plain.document["output_fields"]["evt.time"].GetUint64() == kWall);
  CHECK(!plain.document["output_fields"].HasMember("evt.time.iso8601"));
}

TEST_CASE("J14 an output without tokens still has the time among its fields") {
  World world;
  const Lines lines = lines_of("just text", exec_event(world));
  CHECK(lines.document["output_fields"].MemberCount() == 1);
  CHECK(lines.document["output_fields"]["evt.time"].GetUint64() == kWall);
}

TEST_CASE("J15 tags are sorted; none is an empty list") {
  World world;
  const TestEvent event = exec_event(world);
  CHECK(has(lines_of("m", event, {}, "  tags: [zeta, alpha, T1059, alpha]\n").json,
            "\"tags\":[\"T1059\",\"alpha\",\"zeta\"]"));
  CHECK(has(lines_of("m", event).json, "\"tags\":[]"));
  tiercel::alert::FalcoLine line;
  line.tags = {"c", "a", "B"};
  CHECK(has(tiercel::alert::falco_json_line(line), "\"tags\":[\"B\",\"a\",\"c\"]"));
  CHECK(has(lines_of("m", event, {}, "  tags: []\n").json, "\"tags\":[]"));
}
