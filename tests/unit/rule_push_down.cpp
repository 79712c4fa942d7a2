// What the kernel looks for before it makes a record: pieces of patterns, the automaton, and the clauses of rules.
#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/rule/push_down.h"
#include "agent/rule/push_texts.h"
#include "push_sets.h"

using namespace tiercel;
using rule::Op;
using rule::PushPiece;
using namespace tiercel::tests;

namespace {

std::vector<std::string> shown(const std::vector<PushPiece>& pieces) {
  std::vector<std::string> out;
  for (const PushPiece& piece : pieces)
    out.push_back((piece.at_begin ? "^" : "") + piece.text + (piece.at_end ? "$" : ""));
  return out;
}

std::vector<std::string> pieces(Op op, std::string_view pattern) {
  return shown(rule::pieces_of(op, pattern));
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("push-down: what is certain to be in a path that satisfies a pattern") {
  CHECK(pieces(Op::kEq, "/etc/shadow") == Texts{"^/etc/shadow$"});
  CHECK(pieces(Op::kStartsWith, "/etc/") == Texts{"^/etc/"});
  CHECK(pieces(Op::kEndsWith, ".pth") == Texts{".pth$"});
  CHECK(pieces(Op::kContains, "/.ssh/") == Texts{"/.ssh/"});
  CHECK(pieces(Op::kGlob, "/home/*/.ssh/*") == Texts{"^/home/"});
  CHECK(pieces(Op::kGlob, "*/.ssh/id_[rd]sa") == Texts{"/.ssh/id_"});
  CHECK(pieces(Op::kGlob, "*[.]x") == Texts{"x$"});
  CHECK(pieces(Op::kGlob, "*").empty());
  CHECK(pieces(Op::kPmatch, "/etc/pam.d/") == Texts{"^/etc/pam.d"});
  CHECK(pieces(Op::kPmatch, "etc//pam.d") == Texts{"^/etc/pam.d"});
  CHECK(pieces(Op::kPmatch, "/etc/../x").empty());
  CHECK(pieces(Op::kPmatch, "/").empty());
  CHECK(pieces(Op::kPmatch, "/proc/[0-9]*/root") == Texts{"^/proc/"});
  CHECK(pieces(Op::kIContains, "x").empty());
}

TEST_CASE("push-down: of a pattern with gaps two pieces are needed") {
  const auto second = [](Op op, std::string_view pattern) { return shown(rule::pieces_of(op, pattern, 1)); };
  CHECK(second(Op::kGlob, "/home/*/.ssh/*") == Texts{"/.ssh/"});
  CHECK(second(Op::kGlob, "/proc/*/mem") == Texts{"/mem$"});
  CHECK(second(Op::kPmatch, "/proc/[0-9]*/root") == Texts{"/root"});
  CHECK(second(Op::kPmatch, "/etc/pam.d") == Texts{"^/etc/pam.d"});  // no gap
  CHECK(second(Op::kGlob, "/var/*/x") == Texts{"/x$"});
  CHECK(second(Op::kGlob, "/var/*x") == Texts{"^/var/"});  // a letter at the end says little
  CHECK(second(Op::kEq, "/a*b") == Texts{"^/a*b$"});
  CHECK(second(Op::kGlob, "*").empty());
  CHECK(second(Op::kRegex, "abc.*de") == Texts{"abc"});

  const auto set = pushed(one("R", "evt.type = openat and fd.name pmatch (/var/lib/*/.ssh/id_*, /root/.ssh/id_*)"));
  REQUIRE(set);
  const auto found = [&](std::string_view path) {
    return std::pair(finds(*set, path, PF_TEXTS), finds(*set, path, PF_TEXTS + 1));
  };
  CHECK(found("/var/lib/a/.ssh/id_x") == std::pair(true, true));
  CHECK(found("/root/.ssh/id_x/y") == std::pair(true, true));
  CHECK(found("/var/lib/dpkg/info/a.list") != std::pair(true, true));
  CHECK(found("/home/a/.ssh/id_x") != std::pair(true, true));
  CHECK(sent(*set, EVT_openat, {PF_TEXTS, PF_TEXTS + 1}));
  CHECK_FALSE(sent(*set, EVT_openat, {PF_TEXTS}));
  CHECK_FALSE(sent(*set, EVT_openat, {PF_TEXTS + 1}));
}

TEST_CASE("push-down: long pieces are cut, and stay true") {
  const std::string path = "/usr/lib/x86_64-linux-gnu/security/pam_unix.so";
  for (Op op : {Op::kEq, Op::kStartsWith, Op::kEndsWith, Op::kContains}) {
    const auto found = rule::pieces_of(op, path);
    REQUIRE(found.size() == 1);
    CHECK(found.front().text.size() <= 28);
    CHECK(path.find(found.front().text) != std::string::npos);
  }
  CHECK(pieces(Op::kStartsWith, path) == Texts{"^" + path.substr(0, 28)});
  CHECK(pieces(Op::kEq, path) == Texts{path.substr(path.size() - 28) + "$"});
}

TEST_CASE("push-down: words of regular expressions") {
  using rule::words_of_regex;
  CHECK(words_of_regex("(.|[[:space:]])*/lib(xt|ipt)_(DNAT|TPROXY)[.]so") ==
        Texts{"/libxt_DNAT.so", "/libxt_TPROXY.so", "/libipt_DNAT.so", "/libipt_TPROXY.so"});
  CHECK(words_of_regex("/etc/.*shadow-?") == Texts{"shadow"});
  CHECK(words_of_regex("ab+c") == Texts{"ab"});
  CHECK(words_of_regex("xab{2}cd") == Texts{"xa"});
  CHECK(words_of_regex("a\\.b\\d*") == Texts{"a.b"});
  CHECK(words_of_regex("/a|/b").empty());
  CHECK(words_of_regex("(?i)/etc").empty());
  CHECK(words_of_regex("[^a](b|c?)*.+").empty());
  CHECK(words_of_regex("(a[)]b|c)/x[]]y") == Texts{"/x]y"});
  CHECK(words_of_regex(".*(/[.][.][.]+|/[.][.]? +| )") == Texts{"/...", " ", " "});  // blanks are rare
  CHECK(words_of_regex("x(ab+|c*)y").size() == 1);
  CHECK(words_of_regex("(ab+c|(de|f.g)h)?").empty());
  CHECK(words_of_regex("x(yy").size() <= 1);
  CHECK(words_of_regex("[").empty());
  CHECK(words_of_regex("abc{") == Texts{"ab"});
  CHECK(words_of_regex("abc\\") == Texts{"abc"});
}

TEST_CASE("push-down: one automaton finds all pieces") {
  rule::PushTexts texts;
  texts.add({"/etc/shadow", true, true}, 40);
  texts.add({"/etc/", true, false}, 41);
  texts.add({"/.ssh/", false, false}, 42);
  texts.add({".pth", false, true}, 200);
  texts.add({"shadow", false, false}, 43);
  const auto set = std::make_unique<push_set>();
  REQUIRE(texts.build(*set));
  struct Case {
    const char* text;
    std::vector<uint32_t> facts;
  };
  const Case cases[] = {{"/etc/shadow", {40, 41, 43}},
                        {"/etc/shadow-", {41, 43}},
                        {"/x/etc/shadow", {43}},
                        {"/root/.ssh/a.pth", {42, 200}},
                        {"/root/.ssh/a.pthx", {42}},
                        {"", {}},
                        {"/etc", {}},
                        {"/etc/../.ssh/.pth", {41, 42, 200}},
                        {"\xff\xfe", {}}};
  for (const Case& one_case : cases) {
    CAPTURE(one_case.text);
    for (uint32_t fact : {40U, 41U, 42U, 43U, 200U})
      CHECK(finds(*set, one_case.text, fact) ==
            (std::find(one_case.facts.begin(), one_case.facts.end(), fact) != one_case.facts.end()));
  }
}

TEST_CASE("push-down: more bytes than classes find too much, and never too little") {
  rule::PushTexts texts;
  std::string every;
  for (int byte = 1; byte < 256; ++byte) every += static_cast<char>(byte);
  texts.add({every, false, false}, 40);
  const auto set = std::make_unique<push_set>();
  REQUIRE(texts.build(*set));
  CHECK(finds(*set, "x" + every + "x", 40));
}

TEST_CASE("push-down: what does not fit is refused") {
  rule::PushTexts texts;
  for (int n = 0; n < 2'000; ++n) texts.add({"/folder" + std::to_string(n * 7'919) + "/x", true, true}, 40);
  const auto set = std::make_unique<push_set>();
  CHECK_FALSE(texts.build(*set));
}

TEST_CASE("push-down: a rule's clauses, each fact both ways") {
  const std::string is_open = "evt.type in (open, openat, openat2) and ";
  struct Case {
    const char* condition;
    uint32_t fact, other;
  };
  const Case cases[] = {{"evt.is_open_read = true", PF_READS, PF_READS_NOT},
                        {"evt.is_open_write = true", PF_WRITES, PF_WRITES_NOT},
                        {"evt.is_open_write != true", PF_WRITES_NOT, PF_WRITES},
                        {"not evt.is_open_exec = true", PF_MAKES_EXECUTABLE_NOT, PF_MAKES_EXECUTABLE},
                        {"evt.is_open_create = true", PF_CREATES, PF_CREATES_NOT},
                        {"evt.failed = true", PF_FAILED, PF_SUCCEEDED},
                        {"evt.failed = false", PF_SUCCEEDED, PF_FAILED},
                        {"evt.rawres >= 0", PF_SUCCEEDED, PF_FAILED},
                        {"evt.rawres < 0", PF_FAILED, PF_SUCCEEDED},
                        {"not evt.rawres < 0", PF_SUCCEEDED, PF_FAILED},
                        {"fd.num > -1", PF_SUCCEEDED, PF_FAILED},
                        {"evt.rawres = -2", PF_FAILED, PF_SUCCEEDED},
                        {"evt.res = SUCCESS", PF_SUCCEEDED, PF_FAILED},
                        {"evt.res != SUCCESS", PF_FAILED, PF_SUCCEEDED},
                        {"evt.res in (ENOENT, EINPROGRESS)", PF_FAILED, PF_SUCCEEDED},
                        {"not evt.res in (SUCCESS, EPERM)", PF_FAILED, PF_SUCCEEDED},
                        {"evt.arg.flags contains O_TRUNC", PF_TRUNCATES, PF_TRUNCATES_NOT},
                        {"user.uid = 0", PF_ROOT, PF_ROOT_NOT},
                        {"user.uid != 0", PF_ROOT_NOT, PF_ROOT},
                        {"user.uid in (33, 34)", PF_RANGES, PF_ROOT}};
  for (const Case& one_case : cases) {
    CAPTURE(std::string(one_case.condition));
    const auto set = pushed(one("R", is_open + one_case.condition));
    REQUIRE(set);
    CHECK(sent(*set, EVT_openat, {one_case.fact}));
    CHECK_FALSE(sent(*set, EVT_openat, {one_case.other}));
  }
}

TEST_CASE("push-down: what the kernel cannot say is left open") {
  const std::string is_open = "evt.type in (open, openat, openat2) and ";
  for (const char* condition :
       {"proc.pname = x", "not fd.name = /etc/shadow", "fd.name icontains x", "fd.name = val(proc.exepath)",
        "evt.rawres = 0 or proc.pname = x", "evt.res != ENOENT", "fd.name glob *", "evt.arg.flags contains O_CREAT"}) {
    CAPTURE(condition);
    CHECK_FALSE(pushed(one("R", is_open + condition)));
  }
  // ... and what else a rule needs is looked at all the same
  const auto set = pushed(one("R", is_open + "proc.pname = x and evt.is_open_write = true"));
  REQUIRE(set);
  CHECK_FALSE(sent(*set, EVT_openat, {PF_WRITES_NOT}));
}

TEST_CASE("push-down: a program's path and name have facts of their own") {
  const auto set = pushed(one("R", "evt.type = openat and (proc.name = nft or proc.exepath endswith /nft)"));
  REQUIRE(set);
  const auto of_program = [&](uint32_t fact) { return (set->of_program[fact / 64] >> (fact % 64) & 1) != 0; };
  CHECK(of_program(PF_PROGRAM));
  CHECK(of_program(PF_PROGRAM + 1));
  CHECK_FALSE(of_program(PF_TEXTS));
  CHECK(sent(*set, EVT_openat, {PF_PROGRAM}));
  CHECK(sent(*set, EVT_openat, {PF_PROGRAM + 1}));
  CHECK_FALSE(sent(*set, EVT_openat, {PF_TEXTS, PF_READS}));
  CHECK(set->begin != set->begin_name);
  CHECK(set->begin_exe == 0);  // nothing is asked of its beginning
}

TEST_CASE("push-down: pmatch on what has no slash") {
  const auto name = pushed(one("R", "evt.type = openat and fd.filename pmatch (lib.so)"));
  REQUIRE(name);
  CHECK(finds(*name, "/x/lib.so", PF_TEXTS));
  CHECK_FALSE(finds(*name, "/x/glib.so", PF_TEXTS));
  const auto program = pushed(one("R", "evt.type = openat and proc.name pmatch (nft)"));
  REQUIRE(program);
  CHECK(finds(*program, "nft", PF_PROGRAM));
}

TEST_CASE("push-down: of alternatives the rarer test is looked at") {
  const auto set = pushed(one("R",
                              "evt.type = openat and ((evt.is_open_read = true and fd.name = /a) or (evt.is_open_write "
                              "= true and fd.name = /b))"));
  REQUIRE(set);
  CHECK_FALSE(sent(*set, EVT_openat, {PF_READS, PF_WRITES}));
  CHECK(sent(*set, EVT_openat, {PF_READS, PF_TEXTS}));
  CHECK_FALSE(sent(*set, EVT_openat, {PF_TEXTS}));  // and one of the others
}

TEST_CASE("push-down: rules together, by event type") {
  const std::string write = "evt.type in (open, openat) and evt.is_open_write = true and fd.name startswith /etc/";
  const auto set =
      pushed(one("A", write) + one("B", "evt.type = openat and evt.is_open_read = true and fd.filename = shadow"));
  REQUIRE(set);
  CHECK(set->type_of[EVT_openat2] == 0);
  CHECK(set->type_of[EVT_unlink] == 0);
  CHECK(set->type_of[EVT_creat] == 0);
  const uint32_t etc = PF_TEXTS, shadow = PF_TEXTS + 1;
  const bool first = finds(*set, "/etc/x", etc);
  const uint32_t of_a = first ? etc : shadow, of_b = first ? shadow : etc;
  CHECK(finds(*set, "/x/shadow", of_b));
  CHECK(sent(*set, EVT_openat, {PF_WRITES, of_a}));
  CHECK(sent(*set, EVT_openat, {PF_READS, of_b}));
  CHECK_FALSE(sent(*set, EVT_openat, {PF_READS, of_a}));
  CHECK_FALSE(sent(*set, EVT_open, {PF_READS, of_b}));
  // one rule that needs every open, and none is left out
  CHECK_FALSE(pushed(one("A", write) + one("C", "evt.type in (open, openat, openat2) and proc.pname = x")));
}

TEST_CASE("push-down: what no open has makes no open wanted") {
  const auto set = pushed(
      one("R", "evt.type in (open, openat, rename) and (fd.name = /a or fs.path.target = /b or evt.arg.newpath = /c)"));
  REQUIRE(set);
  CHECK(sent(*set, EVT_openat, {PF_TEXTS}));
  CHECK_FALSE(sent(*set, EVT_openat, {PF_READS, PF_WRITES, PF_SUCCEEDED}));
}
