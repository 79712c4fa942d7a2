// Two paths, one verdict: every field that shows the event's path is judged with the path as the program wrote it and
// with the one that the kernel opened. A symbolic link, a directory descriptor or a bind mount may neither hide a file
// from a rule, nor smuggle it past a "not" or an allow-list.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "agent/alert/make.h"
#include "rule_support.h"

using namespace tiercel::rule;
using namespace tiercel::rule::test;
using tiercel::context::PathView;

namespace {

// A field as a rule writes it, and whether its text holds more than the path.
struct Written {
  std::string name;
  bool within = false;
};

std::vector<Written> spellings(const FieldInfo& field) {
  const std::string name(field.name);
  if (name == "evt.arg") return {{"evt.arg.name"}, {"evt.arg[name]"}, {"evt.arg[2]"}, {"evt.arg[0]", true}};
  if (name == "evt.abspath") return {{"evt.abspath"}, {"evt.abspath.src"}, {"evt.abspath[src]"}};
  return {{name, name == "evt.args" || name == "evt.info"}};
}

TestEvent opened(World& world, const std::string& lexical, const std::string& kernel) {
  return open_event(world, {.name = lexical, .realpath = kernel});
}

std::string value_in(World& world, const Written& field, const std::string& path) {
  return rendered("%" + field.name, *open_event(world, {.name = path})).message;
}

std::vector<Written> fields_of_opens(World& world) {
  std::vector<Written> out;
  for (const FieldInfo& field : all_fields())
    if (field.has(FF_PATH))
      for (const Written& written : spellings(field))
        if (value_in(world, written, "/one/a") != value_in(world, written, "/two/b")) out.push_back(written);
  return out;
}

std::string quoted(const std::string& value) {
  std::string out = "\"";
  for (char c : value) out += c == '"' || c == '\\' ? std::string("\\") + c : std::string(1, c);
  return out + "\"";
}

TestEvent chdir_event(World& world, const std::string& path, const std::string& cwd, int64_t res = 0) {
  tiercel::decoders::RecordBuilder<ev_chdir> builder(EVT_chdir);
  builder->res = res;
  builder.set_text(&ev_chdir::path, path).set_text(&ev_chdir::cwd, cwd);
  return {world, builder};
}

}  // namespace

TEST_CASE("rule two paths: whatever changes with the view is marked, and what is marked changes") {
  World world;
  world.in_container();
  const TestEvent open = opened(world, "/tmp/link", "/etc/shadow"), chdir = chdir_event(world, "/tmp/link", "/etc/ssh");
  std::set<std::string> changed, marked;
  Arena arena;
  auto text = [&](const FieldInfo& field, const TestEvent& event, const FieldArg& arg, PathView view) {
    const Value value = field.get({*event, arg, arena, view});
    return value.is_text() ? std::string(value.view()) : std::string();
  };
  for (const FieldInfo& field : all_fields()) {
    if (!field.fed()) continue;
    if (field.has(FF_PATH)) marked.insert(std::string(field.name));
    for (const TestEvent* event : {&open, &chdir})
      for (const FieldArg& arg :
           {FieldArg{}, FieldArg{true, "name", -1}, FieldArg{true, "path", -1}, FieldArg{true, "0", 0},
            FieldArg{true, "1", 1}, FieldArg{true, "2", 2}, FieldArg{true, "src", -1}}) {
        if (arg.given && !field.has(FF_ARG_OPTIONAL) && !field.has(FF_ARG_REQUIRED)) continue;
        if (!arg.given && field.has(FF_ARG_REQUIRED)) continue;
        if (arg.given && arg.index < 0 && field.has(FF_ARG_INDEX)) continue;
        if (text(field, *event, arg, PathView::kLexical) != text(field, *event, arg, PathView::kKernel))
          changed.insert(std::string(field.name));
      }
  }
  marked.erase("fs.path.target");  // the kernel's path of a mount point is in no record
  CHECK(changed == marked);
  for (const char* name : {"fd.name", "fd.directory", "fd.filename", "fd.containername", "fd.containerdirectory",
                           "fs.path.name", "evt.arg", "evt.args", "evt.info", "evt.abspath"})
    CHECK_MESSAGE(marked.contains(name), std::string(name));
}

TEST_CASE("rule two paths: a link neither hides a file nor passes a not or an allow-list, for every path field") {
  World world;
  world.in_container();
  const std::vector<Written> fields = fields_of_opens(world);
  CHECK(fields.size() >= 13);
  const std::pair<std::string, std::string> kCases[] = {
      {"/tmp/link", "/etc/shadow"},            // a link to what a rule watches
      {"/etc/passwd", "/srv/data/passwords"},  // a watched name that leads elsewhere
      {"/allowed/sub/file", "/root/.ssh/id_rsa"},
      {"/proc/self/root/etc/sudoers", "/etc/sudoers"}};
  for (const auto& [lexical, kernel] : kCases) {
    const TestEvent event = opened(world, lexical, kernel);
    for (const Written& field : fields) {
      const std::string seen = value_in(world, field, lexical), real = value_in(world, field, kernel);
      const std::string is = field.within ? " contains " : " = ", name = field.name;
      const std::string a = quoted(field.within ? lexical : seen), b = quoted(field.within ? kernel : real);
      // /proc/self/root/etc/sudoers has the same last component, and holds the other path.
      if (seen == real || (field.within && has(lexical, kernel))) continue;
      const std::string what = name + ": " + lexical + " -> " + kernel;
      INFO(what);
      CHECK(holds(name + is + a, *event));
      CHECK(holds(name + is + b, *event));
      // The negative of either path: the other one makes it true.
      CHECK(holds("not " + name + is + a, *event));
      CHECK(holds("not " + name + is + b, *event));
      CHECK(holds("evt.type = openat and not (" + name + is + a + " or proc.name = x)", *event));
      // Where both are named there is nothing left to find.
      CHECK(!holds("not " + name + is + a + " and not " + name + is + b, *event));
      // The two are never mixed within one judgement.
      CHECK(!holds(name + is + a + " and " + name + is + b, *event));
      CHECK(!holds("not (" + name + is + a + " or " + name + is + b + ")", *event));
      if (field.within) continue;
      CHECK(holds(name + " != " + a, *event));
      CHECK(holds(name + " in (x, " + b + ")", *event));
      CHECK(holds("not " + name + " in (x, " + a + ")", *event));
      CHECK(!holds("not " + name + " in (" + a + ", " + b + ")", *event));
      CHECK(holds("not " + name + " startswith " + a, *event));
      CHECK(holds("not " + name + " pmatch (" + a + ")", *event));
      CHECK(holds("not " + name + " glob " + a, *event));
      CHECK(holds("not " + name + " endswith " + a, *event));
      CHECK(holds(name + " != anyof (" + a + ", x)", *event));
      CHECK(holds("not toupper(" + name + ") = toupper(" + name + ") or not tolower(" + name + ") = " + a, *event));
      CHECK(holds("concat(" + name + ", \"!\") = " + quoted(real + "!"), *event));
      CHECK(holds("join(\"-\", (" + name + ", \"x\")) = " + quoted(real + "-x"), *event));
    }
  }
}

TEST_CASE("rule two paths: conditions over two fields see one path at a time") {
  World world;
  const TestEvent event = opened(world, "/tmp/link", "/etc/shadow");
  CHECK(holds(
      "fd.directory = /etc and fd.filename = shadow and evt.arg.name = /etc/shadow and fs.path.name = /etc/shadow",
      *event));
  CHECK(holds("fd.directory = /tmp and fd.filename = link and evt.abspath = /tmp/link", *event));
  CHECK(!holds("fd.directory = /tmp and fd.filename = shadow", *event));
  CHECK(!holds("fd.name = /tmp/link and evt.arg.name = /etc/shadow", *event));
  CHECK(!holds("fd.name = /etc/shadow and fs.path.name = /tmp/link", *event));
  CHECK(holds("fd.name = val(fs.path.name) and fd.name = val(evt.abspath)", *event));
  CHECK(!holds("fd.name != val(fs.path.name)", *event));
  CHECK(holds("fd.name startswith /etc and not fd.name in (/etc/hosts, /tmp/link)", *event));
  // What an allow-list in front of a watched folder means: the file itself is not in it.
  CHECK(holds("fd.name startswith /etc and not fd.name = /etc/allowed", *opened(world, "/etc/allowed", "/etc/shadow")));
  CHECK(!holds("fd.name startswith /etc and not fd.name = /etc/allowed", *opened(world, "/tmp/x", "/etc/allowed")));
  // fd.realpath is the kernel's alone, and equal to what the other view shows.
  CHECK(holds("fd.name = /tmp/link and fd.realpath = /etc/shadow", *event));
  CHECK(holds("fd.name = val(fd.realpath)", *event));
}

TEST_CASE("rule two paths: what is as written stays so, what is the kernel's stays so") {
  World world;
  const TestEvent event = open_event(world, {.name = "../../tmp/link", .realpath = "/etc/shadow"});
  for (const std::string name : {"fd.nameraw", "fs.path.nameraw", "evt.rawarg.name"}) {
    CHECK_MESSAGE(holds(name + " = ../../tmp/link", *event), name);
    CHECK_MESSAGE(holds(name + " = ../../tmp/link and fd.name = /etc/shadow", *event), name);
    CHECK_MESSAGE(holds(name + " = ../../tmp/link and fd.name = /tmp/link", *event), name);
    CHECK_MESSAGE(!holds("not " + name + " contains ..", *event), name);
  }
  CHECK(!holds("not fd.realpath = /etc/shadow", *event));
  CHECK(!holds("not proc.exepath = /usr/bin/bash", *event));
}

TEST_CASE("rule two paths: rules that share a test or a field disturb each other in neither order") {
  World world;
  const TestEvent event = opened(world, "/tmp/link", "/etc/shadow"), plain = opened(world, "/tmp/link", "/tmp/link");
  std::vector<std::string> conditions = {"fd.name = /tmp/link",
                                         "fd.name = /etc/shadow",
                                         "not fd.name = /tmp/link",
                                         "not fd.name = /etc/shadow",
                                         "proc.name = bash and not fd.name = /tmp/link",
                                         "fd.filename = shadow",
                                         "not fd.name startswith /"};
  LoadOptions options = plain_options(true);
  options.matching = Matching::kAll;
  for (int order = 0; order < 2; ++order) {
    std::string yaml;
    for (size_t n = 0; n < conditions.size(); ++n)
      yaml += rule_yaml(conditions[n], "%fd.name", "R" + std::to_string(n));
    const Loaded loaded = load(yaml, options);
    REQUIRE(loaded.rules);
    Matcher matcher(loaded.rules);
    for (const TestEvent* each : {&event, &plain, &event}) {
      std::vector<bool> got(conditions.size());
      for (const Match& match : matcher.match(**each)) got[match.rule] = true;
      for (size_t n = 0; n < conditions.size(); ++n)
        CHECK_MESSAGE(got[n] == holds(conditions[n], **each), conditions[n]);
    }
    std::reverse(conditions.begin(), conditions.end());
  }
}

TEST_CASE("rule two paths: the alert shows the path that made the rule true, and says which it was") {
  World world;
  const TestEvent event = opened(world, "/tmp/link", "/etc/shadow");
  auto alert_of = [&](const std::string& condition) {
    const Loaded loaded =
        load(rule_yaml(condition, "file=%fd.name arg=%evt.arg.name raw=%fd.nameraw"), plain_options(true));
    Matcher matcher(loaded.rules);
    const Match match = matcher.match(*event).front();
    tiercel::alert::AlertMaker maker({});
    return maker.make(*event, loaded.rules->rule(match.rule), matcher.render(match, *event),
                      match.view == PathView::kKernel);
  };
  const auto by_name = alert_of("fd.name = /tmp/link"), by_kernel = alert_of("not fd.name startswith /tmp");
  CHECK(has(by_name->text_line, "file=/tmp/link arg=/tmp/link raw=/tmp/link"));
  CHECK(has(by_name->event_json, "\"matched\":\"name\""));
  CHECK(has(by_kernel->text_line, "file=/etc/shadow arg=/etc/shadow raw=/tmp/link"));
  CHECK(has(by_kernel->event_json, "\"matched\":\"realpath\""));
  CHECK(has(by_kernel->event_json, "\"realpath\":\"/etc/shadow\""));
}

TEST_CASE("rule two paths: calls without a second path are judged once") {
  World world;
  // A failed open opened nothing; a path that is what it seems has nothing to add.
  CHECK(!holds("not fd.name = /tmp/link", *open_event(world, {.name = "/tmp/link", .fd = -13})));
  CHECK(!holds("not fd.name = /tmp/link", *opened(world, "/tmp/link", "/tmp/link")));
  CHECK(!holds("not fd.name = /root/desk/file",
               *open_event(world, {.name = "./x/../file", .realpath = "/root/desk/file"})));
  CHECK(holds("not fd.name exists", *exec_event(world)));
  CHECK(!holds("not fd.name = \"10.0.0.1:40000->192.168.7.9:443\"", *sock_event(world)));
}

TEST_CASE("rule two paths: a changed directory is the one that was reached") {
  World world;
  const TestEvent link = chdir_event(world, "/tmp/link", "/etc/ssh");
  CHECK(holds("evt.type = chdir and evt.arg.path = /tmp/link", *link));
  CHECK(holds("evt.type = chdir and evt.arg.path = /etc/ssh", *link));
  CHECK(holds("not evt.arg.path startswith /tmp", *link));
  CHECK(holds("not evt.arg.path in (/tmp/link)", *link));
  CHECK(!holds("not evt.arg.path in (/tmp/link, /etc/ssh)", *link));
  CHECK(!holds("evt.arg.path = /tmp/link and evt.args contains /etc/ssh", *link));
  CHECK(holds("evt.args contains /etc/ssh", *link));
  CHECK(holds("evt.rawarg.path = /tmp/link", *link));
  CHECK(!holds("fd.name exists", *link));
  const TestEvent relative = chdir_event(world, "../link", "/etc/ssh");
  CHECK(holds("evt.arg.path = /etc/ssh", *relative));
  CHECK(!holds("not evt.arg.path = /etc/ssh", *relative));
  const TestEvent failed = chdir_event(world, "../link", "/root/desk", -2);
  CHECK(holds("evt.arg.path = /root/link", *failed));
  CHECK(!holds("not evt.arg.path = /root/link", *failed));
  tiercel::decoders::RecordBuilder<ev_chdir> fchdir(EVT_fchdir);
  fchdir->fd = 3;
  fchdir.set_text(&ev_chdir::cwd, "/etc/ssh");
  CHECK(holds("evt.type = fchdir and not fd.name = x", *TestEvent(world, fchdir)));
}
