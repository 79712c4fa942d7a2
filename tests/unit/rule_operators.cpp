// The meaning of operators, missing values, addresses, ancestors and modifiers, on hand-made events.
#include <doctest/doctest.h>

#include "agent/match/path_trie.h"
#include "agent/match/regex.h"
#include "rule_support.h"

using namespace tiercel::rule;
using namespace tiercel::rule::test;

TEST_CASE("rule operators: text") {
  World world;
  world.runs("Bash", {"-Bash", "-c", "echo Hello World"});
  const TestEvent event = exec_event(world);
  for (const char* condition : {"proc.name = Bash",
                                "proc.name == \"Bash\"",
                                "proc.name != bash",
                                "proc.args contains \"Hello W\"",
                                "proc.args icontains \"HELLO\"",
                                "proc.name startswith Ba",
                                "proc.name endswith sh",
                                "proc.name startswith \"\"",
                                "proc.name endswith \"\"",
                                "proc.name contains \"\"",
                                "proc.name icontains \"\"",
                                "proc.name glob B*",
                                "proc.name glob B?s[ghi]",
                                "proc.name iglob b*SH",
                                "proc.name glob \"[!b]ash\"",
                                "proc.name regex B.*",
                                "proc.name regex \"(Bash|zsh)\"",
                                "proc.name in (zsh, Bash)",
                                "proc.name intersects (Bash)",
                                "proc.name exists",
                                "proc.cmdline = \"Bash -c echo Hello World\"",
                                "proc.exeline startswith \"-Bash -c\"",
                                "proc.exepath glob /usr/*",
                                "proc.args[0] = -c",
                                "proc.args[9] = \"\"",
                                "proc.cmdnargs = 2",
                                "proc.cmdlenargs = 18"}) {
    CHECK_MESSAGE(holds(condition, *event), condition);
  }
  for (const char* condition :
       {"proc.name = bash", "proc.name != Bash", "proc.args contains hello", "proc.name startswith a",
        "proc.name endswith SH", "proc.name glob b*", "proc.name glob Bas", "proc.name regex as",
        "proc.name regex bash", "proc.name in (zsh, bash)", "proc.name in ()", "proc.name glob \"[!B]ash\"",
        "proc.name icontains x"})
    CHECK_MESSAGE(!holds(condition, *event), condition);
}

TEST_CASE("rule operators: order of text is by bytes, through another field") {
  World world;
  const TestEvent event = exec_event(world);
  CHECK(holds("proc.name < val(proc.pname)", *event));  // bash < sshd
  CHECK(!holds("proc.name > val(proc.pname)", *event));
  CHECK(holds("proc.name <= val(proc.name)", *event));
}

TEST_CASE("rule operators: numbers, signed and unsigned") {
  World world;
  const TestEvent event = exec_event(world, -2);
  for (const char* condition :
       {"evt.rawres < 0", "evt.rawres = -2", "evt.rawres >= -2", "evt.rawres <= -2", "evt.rawres > -3",
        "evt.rawres != 2", "evt.rawres in (1, -2)", "user.uid = 1000", "user.uid > 999", "user.uid in (0, 1000)",
        "proc.pid = 300", "evt.failed = true", "evt.failed in (true)", "evt.res = ENOENT", "user.loginuid = 1000",
        "proc.tty != 0", "proc.duration > 1000000000", "user.uid < -1"})
    CHECK_MESSAGE(holds(condition, *event), condition);
  for (const char* condition : {"evt.rawres > 0", "evt.rawres = 2", "evt.rawres in ()", "user.uid = -1",
                                "user.uid > 1000", "evt.failed = false", "evt.failed != true"})
    CHECK_MESSAGE(!holds(condition, *event), condition);
}

TEST_CASE("rule operators: a missing value makes every comparison false and its negation true") {
  World world;
  const TestEvent event = exec_event(world);
  for (const char* condition :
       {"fd.name = x", "fd.name != x", "fd.name exists", "fd.name contains \"\"", "fd.name in (x)", "fd.num < 5",
        "fd.name pmatch (/)", "fd.name regex .*", "fd.sip = 1.2.3.4", "fd.sip != 1.2.3.4", "fd.name = val(proc.name)",
        "proc.name = val(fd.name)", "proc.name != val(fd.name)", "tolower(fd.name) = x", "fd.name != anyof (a, b)"}) {
    CHECK_MESSAGE(!holds(condition, *event), condition);
    CHECK_MESSAGE(holds("not " + std::string(condition), *event), condition);
  }
  CHECK(!holds("proc.aname[9] exists", *event));
  CHECK(holds("user.name = <NA>", *event));
  CHECK(holds("container.image.repository exists or container.id = host", *event));
  World empty;
  empty.runs("", {""});
  CHECK(holds("proc.name exists", *exec_event(empty)));
  CHECK(holds("proc.name = \"\"", *exec_event(empty)));
}

TEST_CASE("rule operators: pmatch") {
  auto covers = [](std::initializer_list<const char*> members, const char* path) {
    PathTrie trie;
    for (const char* member : members) trie.add(member);
    return trie.covers(path);
  };
  const char* path = "/opt/dir/subdir/file.txt";
  CHECK(covers({"/opt/dir"}, path));
  CHECK(covers({"/opt/dir/subdir"}, path));
  CHECK(!covers({"/opt/dir2"}, path));
  CHECK(covers({"/opt/dir2", "/opt/dir"}, path));
  CHECK(covers({"/opt/*"}, path));
  CHECK(covers({"/opt/*/subdir"}, path));
  CHECK(covers({"/opt/di?/subdir"}, path));
  CHECK(!covers({"/opt/dii?/subdir"}, path));
  CHECK(covers({"/opt/di[r]/subdir"}, path));
  CHECK(!covers({"/opt/di[!r]/subdir"}, path));
  CHECK(!covers({"/opt/di/subdir"}, path));
  CHECK(!covers({"/opt/*/subdir2"}, path));
  CHECK(covers({"/opt/*/*"}, path));
  CHECK(!covers({"/opt/*/*/subsubdir"}, path));
  for (const char* member : {"/etc", "/etc/", "/etc/*", "etc", "/", "", "//etc//passwd"})
    CHECK_MESSAGE(covers({member}, "/etc/passwd"), member);
  for (const char* member : {"/et", "/etc/passwd/x", "/*/*/*"}) CHECK_MESSAGE(!covers({member}, "/etc/passwd"), member);
  CHECK(!covers({}, "/etc"));
  CHECK(covers({"/a/b", "/a/*/c"}, "/a/x/c"));
  CHECK(covers({"/a/b/d", "/a/*/c"}, "/a/b/c"));
}

TEST_CASE("rule operators: shell patterns") {
  CHECK(glob_match("*", ""));
  CHECK(glob_match("a*c*e", "abcde"));
  CHECK(glob_match("/a/*", "/a/b/c"));
  CHECK(!glob_match("a*c", "ab"));
  CHECK(glob_match("\\*x", "*x"));
  CHECK(!glob_match("\\*x", "ax"));
  CHECK(glob_match("[a-c]x", "bx"));
  CHECK(!glob_match("[a-c]x", "dx"));
  CHECK(glob_match("[]x]", "]"));
  CHECK(glob_match("[^a]", "b"));
  CHECK(glob_match("[[:digit:]]*", "7up"));
  CHECK(!glob_match("[[:digit:]]", "a"));
  CHECK(glob_match("[ab", "[ab"));
  CHECK(glob_match("A[B-C]", "ac", true));
  CHECK(!glob_match("?", ""));
  std::string hard(2000, 'a');
  CHECK(!glob_match("a*a*a*a*a*a*a*a*b", hard));
}

TEST_CASE("rule operators: regular expressions see replacement characters, the others see bytes") {
  World world;
  world.runs("b\xff", {"b\xff"});
  const TestEvent event = exec_event(world);
  CHECK(holds("proc.name regex \"b\xEF\xBF\xBD\"", *event));
  CHECK(holds("proc.name regex \"b.\"", *event));
  CHECK(holds("proc.name = \"b\\xff\"", *event));
  CHECK(holds("proc.name contains \"\\xff\"", *event));
  std::string storage;
  CHECK(valid_utf8("gr\xC3\xBC\xC3\x9F \xF0\x9F\x90\xA6", storage) == "gr\xC3\xBC\xC3\x9F \xF0\x9F\x90\xA6");
  CHECK(valid_utf8("\xC0\x80", storage) == "\xEF\xBF\xBD\xEF\xBF\xBD");
  CHECK(valid_utf8("\xED\xA0\x80", storage) == "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
  CHECK(valid_utf8("a\xE2\x82", storage) == "a\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST_CASE("rule operators: addresses, networks, ports") {
  World world;
  const TestEvent out = sock_event(world);  // 10.0.0.1:40000 -> 192.168.7.9:443
  for (const char* condition : {"fd.sip = 192.168.7.9",
                                "fd.cip = 10.0.0.1",
                                "fd.lip = 10.0.0.1",
                                "fd.rip = 192.168.7.9",
                                "fd.ip = 10.0.0.1",
                                "fd.ip = 192.168.7.9",
                                "fd.ip in (1.1.1.1, 192.168.7.9)",
                                "fd.ip != 8.8.8.8",
                                "fd.sip != \"::1\"",
                                "fd.snet = 192.168.0.0/16",
                                "fd.snet in (10.0.0.0/8, 192.168.7.1/24)",
                                "fd.cnet = 10.99.99.99/8",
                                "fd.net = 10.0.0.0/8",
                                "fd.net = 192.168.7.9/32",
                                "fd.net != 172.16.0.0/12",
                                "fd.net = 0.0.0.0/0",
                                "fd.sport = 443",
                                "fd.sport in (80, 443)",
                                "fd.port = 40000",
                                "fd.port = 443",
                                "fd.port >= 40000",
                                "fd.port != 80",
                                "fd.lport = 40000",
                                "fd.rport = 443",
                                "fd.cport > 1024",
                                "fd.l4proto = tcp",
                                "fd.typechar = 4",
                                "fd.type = ipv4",
                                "fd.sockfamily = ip",
                                "fd.is_server = false",
                                "fd.connected = true",
                                "fd.name = \"10.0.0.1:40000->192.168.7.9:443\"",
                                "fd.sip = anyof (192.168.7.9, 1.1.1.1)",
                                "fd.sip = oneof (192.168.7.9, 1.1.1.1)",
                                "fd.sip = allof (192.168.7.9)",
                                "fd.num = 5"})
    CHECK_MESSAGE(holds(condition, *out), condition);
  for (const char* condition :
       {"fd.sip = 10.0.0.1", "fd.sip = \"::1\"", "fd.ip != 10.0.0.1", "fd.ip != 192.168.7.9", "fd.ip in ()",
        "fd.snet = 10.0.0.0/8", "fd.net != 10.0.0.0/8", "fd.net = 172.16.0.0/12",
        "fd.net in (172.16.0.0/12, 10.0.0.0/8)", "fd.port != 443", "fd.port = 80", "fd.sip = \"::ffff:102:304\"",
        "fd.snet = \"::1/128\"", "fd.sip = oneof (192.168.7.9, 192.168.7.9)", "fd.sip = allof (192.168.7.9, 1.1.1.1)"})
    CHECK_MESSAGE(!holds(condition, *out), condition);
  CHECK(holds("fd.sip = \"::ffff:c0a8:709\"", *out));

  const TestEvent in = sock_event(world, {.type = EVT_accept4, .res = 9, .lport = 22, .rport = 50000});
  for (const char* condition :
       {"fd.cip = 192.168.7.9", "fd.sip = 10.0.0.1", "fd.sport = 22", "fd.is_server = true", "fd.num = 9"})
    CHECK_MESSAGE(holds(condition, *in), condition);

  SockArgs six{.v6 = true};
  six.local = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  six.remote = {0x20, 0x01, 0x0d, 0xb8, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2};
  const TestEvent v6 = sock_event(world, six);
  for (const char* condition :
       {"fd.sip = 2001:db8:ff00::2", "fd.snet = \"2001:db8::/32\"", "fd.snet = \"2001::/16\"",
        "fd.snet = \"2001:db8:ff00::/48\"", "fd.sip != 1.2.3.4", "fd.typechar = 6", "not fd.sip = 1.2.3.4"})
    CHECK_MESSAGE(holds(condition, *v6), condition);
  CHECK(!holds("fd.snet = \"2001:db8::/48\"", *v6));
  six.remote = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 168, 7, 9};
  const TestEvent mapped = sock_event(world, six);
  CHECK(holds("fd.sip = 192.168.7.9", *mapped));
  CHECK(holds("fd.typechar = 4", *mapped));
}

TEST_CASE("rule operators: any ancestor") {
  World world;
  const TestEvent event = exec_event(world);  // bash <- sshd <- systemd
  for (const char* condition : {"proc.aname = sshd",
                                "proc.aname = systemd",
                                "proc.aname in (systemd, x)",
                                "proc.aname != sshd",
                                "proc.aname[0] = bash",
                                "proc.aname[1] = sshd",
                                "proc.aname[2] = systemd",
                                "proc.pname = sshd",
                                "proc.aname startswith sys",
                                "not proc.aname = bash",
                                "proc.aname exists",
                                "proc.apid = 1",
                                "proc.apid[1] = 200",
                                "proc.aexe endswith init",
                                "proc.aexepath[2] = /usr/bin/systemd",
                                "proc.acmdline contains splash",
                                "proc.aargs = \"-D -o x splash\"",
                                "proc.ppid = 200",
                                "proc.pcmdline = \"sshd -D -o x\"",
                                "proc.aname contains anyof (zz, hd)"})
    CHECK_MESSAGE(holds(condition, *event), condition);
  for (const char* condition :
       {"proc.aname = bash", "proc.aname[3] = x", "proc.aname[3] exists", "not proc.aname = sshd", "proc.aname in ()"})
    CHECK_MESSAGE(!holds(condition, *event), condition);
  World alone;
  alone.process->parent = nullptr;
  CHECK(!holds("proc.aname exists", *exec_event(alone)));
  CHECK(!holds("proc.aname != x", *exec_event(alone)));
  CHECK(holds("not proc.aname = x", *exec_event(alone)));
}

TEST_CASE("rule operators: modifiers") {
  World world;
  const TestEvent event = exec_event(world);  // proc.name bash
  for (const char* condition :
       {"proc.name = oneof (bash, zsh)", "proc.name = anyof (bash, bash)", "proc.name = allof (bash, bash)",
        "proc.name != oneof (bash, other)", "proc.name != allof (a, b)", "proc.name != anyof (bash, b)",
        "proc.name contains oneof (as, xx)", "proc.name icontains anyof (AS, xx)", "proc.name startswith allof (b, ba)",
        "proc.name endswith oneof (sh, x)", "proc.name glob anyof (z*, b*)", "proc.name iglob oneof (B*, z*)",
        "proc.name regex anyof (z.*, \"b.*\")", "toupper(proc.name) = oneof (BASH, x)"})
    CHECK_MESSAGE(holds(condition, *event), condition);
  for (const char* condition : {"proc.name = oneof (bash, bash)", "proc.name = oneof ()", "proc.name = anyof ()",
                                "proc.name = allof ()", "proc.name != oneof ()", "proc.name = allof (bash, zsh)",
                                "proc.name != allof (bash, a)", "proc.name contains oneof (a, s)"})
    CHECK_MESSAGE(!holds(condition, *event), condition);
}

TEST_CASE("rule operators: event types, numbers and arguments") {
  World world;
  const TestEvent open = open_event(world, {.name = "file", .flags = O_WRONLY | O_CREAT | O_TRUNC, .mode = 0755});
  for (const char* condition : {"evt.type = openat",
                                "evt.type in (open, openat)",
                                "evt.type != open",
                                "evt.type exists",
                                "syscall.type = openat",
                                "evt.dir = <",
                                "evt.num > 0",
                                "evt.arg.flags contains O_CREAT",
                                "evt.arg.flags contains O_TRUNC",
                                "evt.arg.name = /root/desk/file",
                                "evt.arg[2] = /root/desk/file",
                                "evt.rawarg.name = file",
                                "evt.rawarg.fd = 3",
                                "evt.rawarg.name contains il",
                                "evt.rawarg.name in (x, file)",
                                "evt.type.is.openat = 1",
                                "evt.type.is[open] = 0",
                                "evt.is_open_write = true",
                                "evt.is_open_read = false",
                                "evt.is_open_exec = true",
                                "fd.name = /root/desk/file",
                                "fd.nameraw = file",
                                "fd.directory = /root/desk",
                                "fd.filename = file",
                                "fd.typechar = f",
                                "fd.num >= 0",
                                "fd.ino = 4711",
                                "fd.dev.major = 8",
                                "fd.dev.minor = 1",
                                "fs.path.name = /root/desk/file",
                                "evt.category = file",
                                "evt.args contains \"name=\"",
                                "evt.count = 1"})
    CHECK_MESSAGE(holds(condition, *open), condition);
  for (const char* condition :
       {"evt.type = open", "evt.type in ()", "evt.num = 0", "evt.arg.flags contains O_TMPFILE", "evt.arg.res = 0",
        "evt.rawarg.name = x", "evt.rawarg.flags = 0", "evt.arg[99] exists", "evt.rawarg.uid exists"})
    CHECK_MESSAGE(!holds(condition, *open), condition);
  const TestEvent failed = open_event(world, {.name = "../x", .fd = -2});
  CHECK(holds("fd.name = /root/x", *failed));
  CHECK(holds("fd.nameraw = ../x", *failed));
  CHECK(!holds("fd.num >= 0", *failed));
  CHECK(!holds("fs.path.name exists", *failed));
  CHECK(holds("evt.arg.uid = root", *setuid_event(world, 0)));
  const TestEvent mount = mount_event(world, "/dev/sda1", "/mnt");
  CHECK(holds("fs.path.source = /dev/sda1 and fs.path.target = /mnt and evt.arg.dev = /dev/sda1", *mount));
  CHECK(!holds("fd.name exists", *mount));
}

TEST_CASE("rule operators: two paths, one verdict") {
  World world;
  const TestEvent event = open_event(world, {.name = "/tmp/link", .realpath = "/etc/shadow"});
  auto view = [&](const char* condition) {
    const Loaded loaded = load(rule_yaml(condition, "file=%fd.name real=%fd.realpath"));
    Matcher matcher(loaded.rules);
    const auto matches = matcher.match(*event);
    return matches.empty() ? std::string("none") : matcher.render(matches[0], *event).message;
  };
  CHECK(view("fd.name = /tmp/link") == "file=/tmp/link real=/etc/shadow");
  CHECK(view("fd.name = /etc/shadow") == "file=/etc/shadow real=/etc/shadow");
  CHECK(view("fd.directory = /etc and evt.arg.name = /etc/shadow") == "file=/etc/shadow real=/etc/shadow");
  CHECK(view("fd.name startswith /tmp and fd.filename = shadow") == "none");
  CHECK(view("fd.name = /usr") == "none");
}

TEST_CASE("rule operators: first and all, order, min priority, selection") {
  const std::string text = rule_yaml("evt.type = execve", "o", "A") + rule_yaml("evt.type = open", "o", "B") +
                           rule_yaml("proc.name = bash", "o", "C") + rule_yaml("evt.type = execve", "o", "D") +
                           "  enabled: false\n  tags: [net, x]\n";
  World world;
  const TestEvent event = exec_event(world);
  auto names = [&](const LoadOptions& options) {
    const Loaded loaded = load(text, options);
    Matcher matcher(loaded.rules);
    std::string out;
    for (const Match& match : matcher.match(*event)) out += loaded.rules->rule(match.rule).name;
    return out;
  };
  LoadOptions options = plain_options(true);
  CHECK(names(options) == "A");
  options.matching = Matching::kAll;
  CHECK(names(options) == "AC");
  options.selection = {{true, "D", ""}};
  CHECK(names(options) == "ACD");
  options.selection = {{false, "*", ""}, {true, "", "net"}};
  CHECK(names(options) == "D");
  options.selection = {{false, "", ""}};
  CHECK(names(options) == "AC");
  options.selection = {{true, "*", ""}};
  options.min_priority = Priority::kError;
  CHECK(names(options).empty());
  options.min_priority = Priority::kWarning;
  CHECK(names(options) == "ACD");
}

TEST_CASE("rule operators: only needed event types") {
  auto needed = [](const char* condition) { return load(rule_yaml(condition)).rules->event_types_needed(); };
  CHECK(needed("evt.type = open and proc.name = x").count() == 1);
  CHECK(needed("evt.type in (open, connect)").count() == 2);
  CHECK(needed("evt.type = open and evt.type = connect").none());
  CHECK(needed("evt.num = 0 and proc.name = x").none());
  CHECK(needed("not evt.num != 0").none());
  CHECK(needed("evt.num < 1 or evt.type = open").count() == 1);
  CHECK(needed("evt.num in (0)").none());
  CHECK(needed("evt.num in ()").none());
  CHECK(needed("evt.num > -1").count() > 20);
  CHECK(needed("not (evt.type = open or evt.type = openat)").count() == needed("proc.name = x").count() - 2);
  CHECK(needed("not proc.name = x").count() == needed("proc.name = x").count());
  CHECK(!needed("proc.name = x")[EVT_cgroup]);
  CHECK(needed("evt.type = munmap").none());
  CHECK(needed("evt.type = open or proc.name = x").count() > 20);
}
