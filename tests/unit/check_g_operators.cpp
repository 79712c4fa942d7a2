// Check-list, group G: the meaning of every operator, on hand-made events.
#include <doctest/doctest.h>

#include "check_conditions_support.h"

using namespace tiercel::rule;
using namespace tiercel::rule::test;

namespace {

TestEvent exec_of(World& world, const char* comm) {
  world.runs(comm, {comm});
  return exec_event(world);
}

}  // namespace

TEST_CASE("G1 equality of texts is exact") {
  World world;
  const TestEvent event = exec_of(world, "Bash");
  all_hold({"proc.name = Bash", "proc.name == Bash", "proc.name != bash", "proc.name != Bas", "proc.name != Bash2"},
           event);
  none_holds({"proc.name = bash", "proc.name == BASH", "proc.name = Bas", "proc.name = Bash2", "proc.name = \"Bash \"",
              "proc.name = B*", "proc.name != Bash"},
             event);
}

TEST_CASE("G2 contains, icontains, startswith, endswith; an empty value always matches") {
  World world;
  const TestEvent event = exec_of(world, "my_Shell");
  all_hold({"proc.name contains _S", "proc.name contains my_Shell", "proc.name icontains _SHE",
            "proc.name icontains MY", "proc.name startswith my_", "proc.name endswith ell", "proc.name contains \"\"",
            "proc.name icontains \"\"", "proc.name startswith \"\"", "proc.name endswith \"\""},
           event);
  none_holds({"proc.name contains _s", "proc.name contains my_Shells", "proc.name icontains _sx",
              "proc.name startswith y_", "proc.name startswith MY", "proc.name endswith el", "proc.name endswith ELL"},
             event);
  World empty;
  const TestEvent nothing = exec_of(empty, "");
  all_hold({"proc.name contains \"\"", "proc.name endswith \"\"", "proc.name startswith \"\""}, nothing);
  none_holds({"proc.name contains x", "proc.name startswith x", "proc.name endswith x"}, nothing);
}

TEST_CASE("G3 glob and iglob: star, question mark, brackets; a star crosses slashes") {
  World world;
  world.runs("bash", {"/Opt/dir/file.txt"});
  const TestEvent event = exec_event(world);
  all_hold({"proc.exe glob *", "proc.exe glob /Opt/*", "proc.exe glob /Opt*.txt", "proc.exe glob *dir*",
            "proc.exe glob /Opt/di?/file.txt", "proc.exe glob /Opt/di[r]/file.txt", "proc.exe glob /Opt/di[q-s]/*",
            "proc.exe glob \"/Opt/di[!x]/*\"", "proc.exe glob /Opt/dir/file.txt", "proc.exe iglob /opt/DIR/*",
            "proc.exe iglob /OPT/D[I]?/FILE.TXT"},
           event);
  none_holds({"proc.exe glob /opt/*", "proc.exe glob dir", "proc.exe glob /Opt/di?file.txt", "proc.exe glob /Opt",
              "proc.exe glob \"/Opt/di[!r]/*\"", "proc.exe glob /Opt/di[a-c]/*", "proc.exe glob ?",
              "proc.exe glob \"\"", "proc.exe iglob /opt/dir"},
             event);
}

TEST_CASE("G4 regex matches the whole text, in the POSIX syntax; a wrong pattern is an error") {
  World world;
  const TestEvent event = exec_of(world, "bash");
  all_hold(
      {"proc.name regex bash", "proc.name regex b.*", "proc.name regex \"(zsh|bash)\"", "proc.name regex \"[a-c]ash\"",
       "proc.name regex \"[[:alpha:]]+\"", "proc.name regex \"^bash$\"", "proc.name regex \"ba?sh\""},
      event);
  none_holds({"proc.name regex as", "proc.name regex bas", "proc.name regex ash", "proc.name regex BASH",
              "proc.name regex \"(zsh|ksh)\"", "proc.name regex \"[d-z]ash\"", "proc.name regex \"[[:digit:]]+\"",
              "proc.name regex \"\""},
             event);
  all_refused({"proc.name regex \"(bash\"", "proc.name regex \"[a\"", "proc.name regex \"*\"",
               "proc.name regex \"a{2\\x7d\\x7d(\""});
}

TEST_CASE("G5 bytes that are no UTF-8: regex sees replacement characters, the others the bytes") {
  World world;
  const TestEvent event = exec_of(world, "b\xff\xc3");
  all_hold({"proc.name regex \"b\xEF\xBF\xBD\xEF\xBF\xBD\"", "proc.name regex \"b..\"", "proc.name = \"b\\xff\\xc3\"",
            "proc.name contains \"\\xff\"", "proc.name endswith \"\\xc3\"", "proc.name in (\"b\\xff\\xc3\")"},
           event);
  none_holds(
      {"proc.name = \"b\xEF\xBF\xBD\xEF\xBF\xBD\"", "proc.name contains \"\xEF\xBF\xBD\"", "proc.name regex \"b.\""},
      event);
}

TEST_CASE("G6 order of numbers: signed, unsigned, and floating point as far as it loads (nothing feeds a DOUBLE yet)") {
  World world;
  const TestEvent event = exec_event(world, -2);
  all_hold({"evt.rawres < 0", "evt.rawres < -1", "evt.rawres <= -2", "evt.rawres >= -2", "evt.rawres > -3",
            "evt.rawres = -2", "evt.rawres != 2", "user.uid > 999", "user.uid >= 1000", "user.uid <= 1000",
            "user.uid < 1001", "proc.pid > 299", "evt.cpu < 1", "evt.cpu > -1", "proc.tty < 4294967295"},
           event);
  none_holds({"evt.rawres > 0", "evt.rawres > -2", "evt.rawres < -2", "evt.rawres >= -1", "evt.rawres <= -3",
              "user.uid > 1000", "user.uid < 1000", "user.uid >= 1001", "user.uid <= 999"},
             event);
  World nobody;
  nobody.process->euid = nobody.process->uid = 4294967294;  // is not -2
  const TestEvent other = exec_event(nobody);
  all_hold({"user.uid > 1000", "user.uid = 4294967294", "user.uid >= 4294967294"}, other);
  none_holds({"user.uid < 0", "user.uid <= 1000"}, other);
  for (const char* op : {"<", "<=", ">", ">=", "=", "!="})
    CHECK(condition_errors("thread.cpu " + std::string(op) + " 5").empty());
}

TEST_CASE("G7 in: numbers as numbers, texts as bytes, nothing is in an empty list") {
  World world;
  const TestEvent event = exec_event(world, -2);
  all_hold({"user.uid in (1000)", "user.uid in (0, 01000)", "evt.rawres in (5, -2)", "evt.rawres in (-02)",
            "proc.name in (zsh, bash)", "proc.name in ('bash')", "evt.failed in (true)", "not user.uid in ()"},
           event);
  none_holds({"user.uid in ()", "proc.name in ()", "evt.failed in ()", "user.uid in (1, 2)", "evt.rawres in (2)",
              "proc.name in (BASH, \"bash \", bas)", "proc.args[1] in (hi)"},
             event);
  World numbers;
  const TestEvent named = exec_of(numbers, "7");
  all_hold({"proc.name in (7)"}, named);
  none_holds({"proc.name in (07)", "proc.name in (+7)"}, named);
}

TEST_CASE("G8 lists on the left: intersects wants one element, in wants all") {
  World world;
  const TestEvent event = exec_event(world);
  const std::string two = "getopt((\"-a\", \"-b\"), \"ab\")", none = "getopt((), \"ab\")";
  CHECK(holds(two + " intersects (b)", *event));
  CHECK(holds(two + " intersects (x, a)", *event));
  CHECK(!holds(two + " intersects (x)", *event));
  CHECK(!holds(two + " intersects ()", *event));
  CHECK(holds(two + " in (a, b, c)", *event));
  CHECK(holds(two + " in (b, a)", *event));
  CHECK(!holds(two + " in (a)", *event));
  CHECK(!holds(two + " in ()", *event));
  CHECK(holds(none + " in (a)", *event));
  CHECK(holds(none + " in ()", *event));
  CHECK(!holds(none + " intersects (a)", *event));
  CHECK(holds(none + " exists", *event));
  CHECK(holds("proc.name intersects (x, bash)", *event));
  CHECK(!holds("proc.name intersects (x)", *event));
  CHECK(holds(two + " in getopt((\"-b\", \"-a\"), \"ab\")", *event));
  CHECK(!holds(two + " in getopt((\"-b\"), \"ab\")", *event));
  CHECK(holds(two + " intersects getopt((\"-b\"), \"ab\")", *event));
}

TEST_CASE("G9 pmatch over /opt/dir/subdir/file.txt") {
  World world;
  const TestEvent event = open_event(world, {.name = "/opt/dir/subdir/file.txt"});
  all_hold({"fd.name pmatch (/opt/dir)", "fd.name pmatch (/opt/dir/subdir)", "fd.name pmatch (/opt/dir2, /opt/dir)",
            "fd.name pmatch (/opt/dir, /opt/dir2)", "fd.name pmatch (/opt/*)", "fd.name pmatch (/opt/*/subdir)",
            "fd.name pmatch (/opt/di?/subdir)", "fd.name pmatch (/opt/di[r]/subdir)", "fd.name pmatch (/opt/*/*)",
            "fd.name pmatch (/opt/dir/subdir/file.txt)"},
           event);
  none_holds(
      {"fd.name pmatch (/opt/dir2)", "fd.name pmatch (/opt/dii?/subdir)", "fd.name pmatch (\"/opt/di[!r]/subdir\")",
       "fd.name pmatch (/opt/di/subdir)", "fd.name pmatch (/opt/*/subdir2)", "fd.name pmatch (/opt/*/*/subsubdir)",
       "fd.name pmatch (/opt/dir2, /opt/dir3)", "fd.name pmatch ()", "fd.name pmatch (/opt/dir/subdir/file.txt/x)"},
      event);
}

TEST_CASE("G10 pmatch: the root, empty members, overlapping members, patterns, doubled slashes") {
  World world;
  world.runs("bash", {"/etc//passwd"});
  const TestEvent event = exec_event(world);
  all_hold({"proc.exe pmatch (/)", "proc.exe pmatch (\"\")", "proc.exe pmatch (//)", "proc.exe pmatch (/etc)",
            "proc.exe pmatch (/etc/)", "proc.exe pmatch (//etc)", "proc.exe pmatch (etc)",
            "proc.exe pmatch (/etc//passwd)", "proc.exe pmatch (/etc/passwd)", "proc.exe pmatch (/etc/shadow, /etc)",
            "proc.exe pmatch (/etc, /etc/shadow)", "proc.exe pmatch (/etc/pass, /etc/*)",
            "proc.exe pmatch (/x/*, /e*/p*)", "proc.exe pmatch (/etc/x/y, /*/passwd)"},
           event);
  none_holds({"proc.exe pmatch (/et)", "proc.exe pmatch (/etc/pass)", "proc.exe pmatch (/etc/passwd/x)",
              "proc.exe pmatch (/*/*/*)", "proc.exe pmatch (/etc/x/y, /*/shadow)", "proc.exe pmatch (/passwd)"},
             event);
  World relative;
  relative.runs("x", {""});
  CHECK(holds("proc.exe pmatch (/)", *exec_event(relative)));
  CHECK(!holds("proc.exe pmatch (/etc)", *exec_event(relative)));
}

TEST_CASE("G11 bcontains and bstartswith: pairs of hexadecimal digits, found anywhere, also beside NUL") {
  World world;  // the parameter args is the bytes "-c\0echo hi\0"
  const TestEvent event = exec_event(world);
  all_hold(
      {"evt.rawarg.args bcontains 6563686f", "evt.rawarg.args bcontains 63006563", "evt.rawarg.args bcontains 6F206869",
       "evt.rawarg.args bcontains 6f206869", "evt.rawarg.args bcontains 686900", "evt.rawarg.args bstartswith 2d",
       "evt.rawarg.args bstartswith 2D6300", "evt.rawarg.args bcontains anyof (ffff, 6563)"},
      event);
  none_holds({"evt.rawarg.args bcontains 6563ff", "evt.rawarg.args bcontains 0000", "evt.rawarg.args bstartswith 6300",
              "evt.rawarg.args bstartswith 2d6301"},
             event);
  for (const char* op : {"bcontains", "bstartswith"}) {
    const std::string begin = "evt.buffer " + std::string(op);
    CHECK(condition_errors(begin + " 00fF").empty());
    for (const char* value : {"0", "123", "0g", "zz", "\"00 11\"", "0x00", "\"\"", ""})
      CHECK_MESSAGE(has(condition_errors(begin + " " + value), "LOAD_ERR_COMPILE_CONDITION"), op << " " << value);
  }
}

TEST_CASE("G12 bytes are compared over their whole length, NUL and all") {
  World world;
  const TestEvent event = exec_event(world);
  all_hold({R"(evt.rawarg.args = "-c\x00echo hi\x00")", R"(evt.rawarg.args startswith "-c\x00e")",
            R"(evt.rawarg.args endswith "hi\x00")", R"(evt.rawarg.args contains "\x00echo")",
            R"(evt.rawarg.args in ("x", "-c\x00echo hi\x00"))", R"(evt.rawarg.args != "-c")"},
           event);
  none_holds({R"(evt.rawarg.args = "-c")", R"(evt.rawarg.args = "-c\x00")", R"(evt.rawarg.args = "-c\x00echo hi")",
              R"(evt.rawarg.args = "-c\x00echo ho\x00")", R"(evt.rawarg.args != "-c\x00echo hi\x00")"},
             event);
}

TEST_CASE("G13 exists: present, missing, and empty but present") {
  World world;
  const TestEvent event = exec_event(world);
  all_hold({"proc.name exists", "user.uid exists", "evt.failed exists", "proc.args[9] exists and proc.args[9] = \"\"",
            "not fd.name exists"},
           event);
  none_holds({"fd.name exists", "fd.sip exists", "fd.num exists", "proc.aname[7] exists", "not proc.name exists"},
             event);
  World empty;
  CHECK(holds("proc.name exists and proc.name = \"\"", *exec_of(empty, "")));
}

TEST_CASE("G14 a missing value makes every comparison false and its negation true") {
  World world;
  const TestEvent event = exec_event(world);
  for (const char* condition : {"fd.name = x",
                                "fd.name == x",
                                "fd.name != x",
                                "fd.name < 5",
                                "fd.name contains x",
                                "fd.name contains \"\"",
                                "fd.name icontains \"\"",
                                "fd.name startswith \"\"",
                                "fd.name endswith \"\"",
                                "fd.name glob *",
                                "fd.name iglob *",
                                "fd.name regex .*",
                                "fd.name in (x)",
                                "fd.name in ()",
                                "fd.name intersects (x)",
                                "fd.name pmatch (/)",
                                "fd.name exists",
                                "fd.num = 3",
                                "fd.num != 3",
                                "fd.num < 3",
                                "fd.num <= 3",
                                "fd.num > 3",
                                "fd.num >= 3",
                                "fd.num in (3)",
                                "fd.sip = 1.2.3.4",
                                "fd.sip != 1.2.3.4",
                                "fd.ip != 1.2.3.4",
                                "fd.snet != 1.0.0.0/8",
                                "fd.is_server = false",
                                "fd.is_server != false",
                                "tolower(fd.name) != x",
                                "fd.name = anyof (x)",
                                "fd.name != oneof (x)",
                                "fd.name != allof (x)",
                                "evt.buffer bcontains 00",
                                "evt.rawarg.mode = 1",
                                "evt.rawarg.mode != 1",
                                "evt.rawarg.name != x",
                                "fd.types in (file)"}) {
    CHECK_MESSAGE(!holds(condition, *event), condition);
    CHECK_MESSAGE(holds("not " + std::string(condition), *event), condition);
    CHECK_MESSAGE(holds("not (" + std::string(condition) + ")", *event), condition);
  }
}

TEST_CASE("G15 val: the other field's value; a missing side makes it false") {
  World world;
  world.runs("sshd", {"sshd", "x"});
  const TestEvent event = exec_event(world);  // its parent is sshd too
  all_hold(
      {"proc.name = val(proc.pname)", "proc.name == val(proc.pname)", "proc.exepath contains val(proc.pname)",
       "proc.exepath endswith val(proc.name)", "proc.name in val(proc.pname)", "proc.name intersects val(proc.pname)",
       "proc.pid != val(proc.ppid)", "proc.pid > val(proc.ppid)", "proc.pid in val(proc.pid)"},
      event);
  none_holds({"proc.name != val(proc.pname)", "proc.name contains val(proc.exepath)", "proc.pid = val(proc.ppid)",
              "proc.name = val(fd.name)", "proc.name != val(fd.name)", "fd.name = val(proc.name)",
              "fd.name != val(proc.name)", "fd.name contains val(proc.name)", "proc.name in val(fd.name)",
              "fd.name = val(fd.directory)", "proc.name in val(proc.exepath)"},
             event);
  CHECK(!holds("proc.name = proc.pname", *event));  // without val it is a text
}

TEST_CASE("G16 oneof, anyof, allof: duplicates count, an empty list is false for all of them, with != too") {
  World world;
  const TestEvent event = exec_of(world, "me");
  all_hold({"proc.name = oneof (me, you)", "proc.name = oneof (me)", "proc.name = anyof (me, me)",
            "proc.name = anyof (you, me)", "proc.name = allof (me, me)", "proc.name = allof (me)",
            "proc.name startswith allof (m, me)", "proc.name startswith oneof (m, y)"},
           event);
  none_holds({"proc.name = oneof (me, me)", "proc.name = oneof (you, they)", "proc.name = anyof (you, they)",
              "proc.name = allof (me, you)", "proc.name startswith oneof (m, me)", "proc.name = oneof ()",
              "proc.name = anyof ()", "proc.name = allof ()", "proc.name != oneof ()", "proc.name != anyof ()",
              "proc.name != allof ()", "proc.name contains allof ()"},
             event);
}

TEST_CASE("G17 modifiers count the members that differ where the operator is !=") {
  World world;
  const TestEvent event = exec_of(world, "me");
  all_hold({"proc.name != oneof (me, other)", "proc.name != allof (a, b)", "proc.name != anyof (me, b)",
            "proc.name != oneof (a)", "not proc.name != allof (me, b)"},
           event);
  none_holds({"proc.name != oneof (a, b)", "proc.name != oneof (me, me)", "proc.name != allof (me, b)",
              "proc.name != anyof (me, me)", "proc.name != anyof (me)"},
             event);
}

TEST_CASE("G18 modifiers with every text operator and with transformers") {
  World world;
  const TestEvent event = exec_of(world, "MyShell");
  all_hold({"proc.name contains oneof (She, xx)", "proc.name contains allof (My, ell)",
            "proc.name icontains anyof (xx, SHE)", "proc.name icontains oneof (SHE, xx)",
            "proc.name startswith anyof (x, My)", "proc.name startswith allof (M, MyS)",
            "proc.name endswith oneof (ell, y)", "proc.name endswith allof (l, ll)", "proc.name glob anyof (x*, My*)",
            "proc.name glob oneof (x*, *l)", "proc.name iglob allof (my*, *SHELL)", "proc.name iglob oneof (MY*, z)",
            "proc.name regex anyof (x.*, \"M.*l\")", "proc.name regex allof (\".*ell\", \"My[A-Z].*\")",
            "tolower(proc.name) = oneof (myshell, MyShell)", "toupper(proc.name) startswith anyof (x, MY)",
            "len(proc.name) = anyof (1, 7)", "tolower(proc.name) != allof (a, b)"},
           event);
  none_holds(
      {"proc.name contains oneof (My, ell)", "proc.name contains allof (My, xx)", "proc.name icontains anyof (xx, yy)",
       "proc.name startswith anyof (x, my)", "proc.name endswith allof (ell, x)", "proc.name glob oneof (My*, *l)",
       "proc.name iglob allof (my*, x)", "proc.name regex anyof (x.*, She)", "toupper(proc.name) = anyof (MyShell)",
       "len(proc.name) = oneof (7, 7)", "tolower(proc.name) != oneof (a, b)"},
      event);
}

TEST_CASE("G19 sharing tests and values between rules and events changes no result") {
  const std::vector<std::string> conditions = {"proc.name = bash",
                                               "proc.name != bash",
                                               "not proc.name = bash",
                                               "proc.name startswith ba",
                                               "fd.name startswith /etc",
                                               "not fd.name startswith /etc",
                                               "fd.name exists",
                                               "fd.filename = passwd or proc.name = sshd",
                                               "tolower(proc.name) = bash and not fd.name exists",
                                               "proc.aname = sshd",
                                               "proc.aname != sshd",
                                               "fd.sport = 443",
                                               "fd.ip != 10.0.0.1",
                                               "evt.type = openat and fd.name = /etc/passwd",
                                               "evt.type != openat",
                                               "proc.name in (bash, zsh)",
                                               "len(proc.name) > 3 and proc.name endswith sh",
                                               "concat(proc.name, fd.name) contains h/e",
                                               "evt.rawres < 0",
                                               "fd.name pmatch (/etc) or fd.snet = 192.168.0.0/16"};
  std::string text;
  for (size_t n = 0; n < conditions.size(); ++n) text += rule_yaml(conditions[n], "o", "R" + std::to_string(n));
  LoadOptions options = plain_options(true);
  options.matching = Matching::kAll;
  const Loaded loaded = load(text, options);
  REQUIRE(loaded.rules);
  Matcher shared(loaded.rules);
  World bash, sshd;
  sshd.runs("sshd", {"sshd"});
  std::vector<TestEvent> events;
  for (World* world : {&bash, &sshd}) {
    events.push_back(exec_event(*world, -2));
    events.push_back(open_event(*world));
    events.push_back(open_event(*world, {.name = "/tmp/x", .realpath = "/etc/passwd"}));
    events.push_back(open_event(*world, {.name = "/tmp/x", .fd = -13}));
    events.push_back(sock_event(*world));
  }
  size_t hits = 0;
  for (int round = 0; round < 2; ++round)
    for (size_t e = 0; e < events.size(); ++e) {
      std::vector<bool> got(conditions.size());
      for (const Match& match : shared.match(*events[e])) got[match.rule] = true;
      for (size_t n = 0; n < conditions.size(); ++n) {
        const bool alone = holds(conditions[n], *events[e]);
        CHECK_MESSAGE(got[n] == alone, conditions[n] << " on event " << e);
        hits += alone ? 1 : 0;
      }
    }
  CHECK(hits > 50);
  CHECK(hits < 2 * events.size() * conditions.size() - 50);
}

TEST_CASE("G20 the names of flags are text") {
  World world;
  const TestEvent event = open_event(world, {.flags = O_WRONLY | O_CREAT | O_TRUNC, .mode = 0644});
  all_hold({"evt.arg.flags contains O_CREAT", "evt.arg.flags contains O_TRUNC", "evt.arg.flags contains O_WRONLY"},
           event);
  none_holds({"evt.arg.flags contains O_TMPFILE", "evt.arg.flags contains O_RDONLY", "evt.arg.flags contains O_APPEND"},
             event);
}

TEST_CASE("G21 addresses and networks") {
  World world;
  const TestEvent four = sock_event(world);  // 10.0.0.1:40000 -> 192.168.7.9:443
  all_hold({"fd.ip = 10.0.0.1",
            "fd.ip = 192.168.7.9",
            "fd.ip in (1.1.1.1, 10.0.0.1)",
            "fd.ip != 8.8.8.8",
            "fd.sip = 192.168.7.9",
            "fd.sip != 10.0.0.1",
            "fd.cip = 10.0.0.1",
            "fd.net = 10.1.2.3/8",
            "fd.net = 192.168.250.1/16",
            "fd.net = 192.0.0.0/4",
            "fd.net = 200.1.1.1/4",
            "fd.snet = 192.168.7.77/24",
            "fd.cnet = 10.255.255.255/8",
            "fd.lnet = 10.0.0.0/8",
            "fd.rnet = 192.168.0.0/16",
            "fd.net != 172.16.0.0/12",
            "fd.sip != \"2001:db8::1\"",
            "fd.ip != \"2001:db8::1\"",
            "fd.snet != \"2001::/16\"",
            "fd.snet in (10.0.0.0/8, 192.168.0.0/16)",
            "fd.snet intersects (10.0.0.0/8, 192.168.0.0/16)"},
           four);
  none_holds({"fd.ip = 8.8.8.8", "fd.ip != 10.0.0.1", "fd.ip != 192.168.7.9", "fd.sip = 10.0.0.1",
              "fd.sip = \"2001:db8::1\"", "fd.ip = \"2001:db8::1\"", "fd.net = 172.16.0.0/12", "fd.net = 11.0.0.0/8",
              "fd.net = 192.169.0.0/16", "fd.net = 128.0.0.0/4", "fd.net != 10.0.0.0/8", "fd.net != 192.168.0.0/16",
              "fd.snet = 192.168.8.0/24", "fd.snet = \"2001::/16\"", "fd.net in (172.16.0.0/12, 10.0.0.0/8)"},
             four);
  SockArgs v6{.v6 = true};
  v6.local = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  v6.remote = {0x20, 0x01, 0x0d, 0xb8, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2};
  const TestEvent six = sock_event(world, v6);  // 2001:db8::1 -> 2001:db8:ff00::2
  all_hold({"fd.sip = 2001:db8:ff00::2", "fd.sip = \"2001:0db8:ff00:0::2\"", "fd.ip = 2001:db8::1",
            "fd.snet = 2001:ffff::/16", "fd.snet = \"2001:db8:1234::/32\"", "fd.snet = \"2001:db8:ff00:1::/48\"",
            "fd.net = \"2001:db8:0::/48\"", "fd.sip != 1.2.3.4", "fd.ip != 192.168.7.9", "fd.snet != 10.0.0.0/8"},
           six);
  none_holds({"fd.sip = 2001:db8:ff00::3", "fd.snet = \"2002::/16\"", "fd.snet = \"2001:db9::/32\"",
              "fd.snet = \"2001:db8:fe00::/48\"", "fd.sip = 1.2.3.4", "fd.ip = 192.168.7.9", "fd.snet = 10.0.0.0/8",
              "fd.net = 0.0.0.0/0", "fd.sip != 2001:db8:ff00::2"},
             six);
}

TEST_CASE("G22 modifiers on addresses") {
  World world;
  const TestEvent event = sock_event(world);
  all_hold({"fd.sip = anyof (1.1.1.1, 192.168.7.9)", "fd.sip = allof (192.168.7.9, 192.168.7.9)",
            "fd.sip = oneof (1.1.1.1, 192.168.7.9)", "fd.sip != allof (1.1.1.1, 2.2.2.2)",
            "fd.sip != anyof (192.168.7.9, 1.1.1.1)", "fd.sip = anyof (\"2001:db8::1\", 192.168.7.9)"},
           event);
  none_holds(
      {"fd.sip = anyof (1.1.1.1, 10.0.0.1)", "fd.sip = allof (192.168.7.9, 1.1.1.1)",
       "fd.sip = oneof (192.168.7.9, 192.168.7.9)", "fd.sip = anyof ()", "fd.sip != allof (192.168.7.9, 1.1.1.1)"},
      event);
}

TEST_CASE("G23 evt.rawarg in the parameter's own type; an empty parameter is missing") {
  World world;
  const TestEvent open = open_event(world, {.name = "dir/file", .flags = O_WRONLY, .fd = 3});
  all_hold({"evt.rawarg.name = dir/file", "evt.rawarg.name != file", "evt.rawarg.name contains r/f",
            "evt.rawarg.name in (x, dir/file)", "evt.rawarg.fd = 3", "evt.rawarg.fd != 4", "evt.rawarg.fd in (1, 3)",
            "evt.rawarg.fd < 4", "evt.rawarg.flags > 0", "evt.rawarg.name exists", "evt.rawarg[name] = dir/file"},
           open);
  none_holds({"evt.rawarg.name = file", "evt.rawarg.name != dir/file", "evt.rawarg.name contains x",
              "evt.rawarg.name in (x)", "evt.rawarg.name in ()", "evt.rawarg.fd = 4", "evt.rawarg.fd in (1)"},
             open);
  const TestEvent empty = open_event(world, {.name = ""});
  none_holds({"evt.rawarg.name = x", "evt.rawarg.name = \"\"", "evt.rawarg.name != x", "evt.rawarg.name contains \"\"",
              "evt.rawarg.name in (x)", "evt.rawarg.name exists"},
             empty);
  // The compiler takes the type of the first event that has the parameter, the event its own.
  CHECK(has(condition_errors("evt.rawarg.dev = /dev/sda1"), "not a valid number"));
  CHECK(holds("evt.rawarg.dev > 0", *open));
  CHECK(!holds("evt.rawarg.dev > 0", *mount_event(world, "/dev/sda1", "/mnt")));
}

TEST_CASE("G24 evt.arg by name, in brackets and by place; missing, absent and empty parameters") {
  World world;
  const TestEvent full = mount_event(world, "/dev/sda1", "/mnt");
  all_hold({"evt.arg.dev = /dev/sda1", "evt.arg[dev] = /dev/sda1", "evt.arg[1] = /dev/sda1", "evt.arg.1 = /dev/sda1",
            "evt.arg[\"dev\"] = /dev/sda1", "evt.arg.dir = /mnt", "evt.arg[2] = /mnt", "evt.arg.dev exists"},
           full);
  none_holds(
      {"evt.arg.uid exists", "evt.arg[uid] = root", "evt.arg[99] exists", "evt.arg[99] = x", "evt.arg.dev = <NA>"},
      full);
  const TestEvent empty = mount_event(world, "", "/mnt");
  all_hold({"evt.arg.dev exists", "evt.arg.dev = <NA>", "evt.arg[1] = <NA>", "evt.arg.dev != x",
            "not evt.rawarg.mode exists"},
           empty);
  none_holds({"evt.arg.dev = \"\"", "evt.arg.dev = x"}, empty);
  CHECK(has(condition_errors("evt.arg.nosuch = x"), "unknown event argument"));
  CHECK(has(condition_errors("evt.arg = x"), "requires an argument"));
  CHECK(condition_errors("evt.arg[99] = x").empty());
}
