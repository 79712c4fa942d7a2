#!/usr/bin/env python3
"""Seeds faults into the rule engine, one at a time, and sees whether the oracle catches each.

For every fault a copy of the sources gets one wrong line, the oracle's test is built from it and run; it must fail. A fault
that survives means that the random comparison is blind there. Takes some minutes: part of `make soak`.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.normpath(os.path.join(HERE, "..", ".."))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import tiercel as support  # noqa: E402

RULE, MATCH = "agent/rule/", "agent/match/"
# file, what is there (once), what is put there instead, what that breaks
FAULTS = [
    (RULE + "operators.cpp", "return a.starts_with(b);", "return a.ends_with(b);", "startswith, where no index answers"),
    (RULE + "operators.cpp", "return a <= b;", "return a < b;", "<="),
    (RULE + "operators.cpp", "return a >= b;", "return a > b;", ">="),
    (RULE + "operators.cpp", "return hits == 1;", "return hits >= 1;", "oneof"),
    (RULE + "operators.cpp", "return !test.literals.empty() && hits == test.literals.size();", "return hits == test.literals.size();",
     "allof over an empty list"),
    (RULE + "operators.cpp", "test.over == Test::Over::kEither && test.op == Op::kNe", "test.over == Test::Over::kEither && test.op == Op::kIn",
     "!= over two endpoints"),
    (RULE + "operators.cpp", "if (left.missing() || (right && right->missing())) return false;", "if (left.missing()) return false;",
     "a missing right side"),
    (RULE + "operators.cpp", "if (a.kind != b.kind) return false;", "", "IPv4 against IPv6"),
    (RULE + "scratch.cpp", "if (own.epoch == epoch_) return own.value;", "if (own.epoch != 0) return own.value;", "values kept for the next event"),
    (RULE + "scratch.cpp", "if (test_stamps_[at] / 2 == epoch_)", "if (test_stamps_[at] != 0)", "results kept for the next event"),
    (RULE + "scratch.cpp", "lookup.first_exact = first;", "lookup.first_exact = 0;", "another field's texts taken for this one's"),
    (RULE + "scratch.cpp", "const size_t at = slot(test.path, index, program.tests.size());", "const size_t at = index;",
     "the kernel's path judged by the result for the lexical one"),
    (RULE + "scratch.cpp", "for (const Value& item : value.items()) find_all(operand, index, kind, item);",
     "if (!value.items().empty()) find_all(operand, index, kind, value.items().front());", "only the first ancestor looked at"),
    (RULE + "scratch.cpp", "pc = test(program, inst.test, event) ? inst.yes : inst.no;", "pc = test(program, inst.test, event) ? inst.yes : kMiss;",
     "every no is the end"),
    (RULE + "candidates.cpp", "if (!two_paths || !program.operands[need.operand].path) continue;", "continue;", "the kernel's path not looked up"),
    (RULE + "candidates.cpp", "if (!two_paths || !program.tests[wanted.test].path) return false;", "return false;",
     "plain clues not asked with the kernel's path"),
    (RULE + "candidates.cpp", "std::sort(found_.begin(), found_.end());", "std::sort(found_.rbegin(), found_.rend());", "the last rule matches first"),
    (RULE + "candidates.cpp", "return (needed & ~answers) == 0;", "return (needed & answers) == 0;", "gates the wrong way round"),
    (RULE + "dispatch.cpp", "if (clue.any_of.size() == 1 && clue.any_of.front() == bucket.gates[n]) mask",
     "if (clue.any_of.front() == bucket.gates[n]) mask", "one of several alternatives taken for a gate"),
    (RULE + "dispatch.cpp", "(other & ~mask) == 0", "(mask & ~other) == 0", "look-ups made for the strictest mask alone"),
    (RULE + "dispatch.cpp", "return wanted.answer && program_.tests[wanted.test].indexed;", "return program_.tests[wanted.test].indexed;",
     "a text that must not be there sought as one that must"),
    (RULE + "clues.cpp", "return find(tree.children.front(), !wanted);", "return find(tree.children.front(), wanted);", "clues that forget a not"),
    (RULE + "clues.cpp", "return wanted ? all_of(tree, wanted) : any_of(tree, wanted);", "return all_of(tree, wanted);",
     "not (a and b) taken for not a and not b"),
    (RULE + "clues.cpp", "if (need.kind == Need::Kind::kNothing) return need;", "if (need.kind == Need::Kind::kNothing) continue;",
     "an alternative that needs nothing left out"),
    (RULE + "clues.cpp", "if (need.kind == Need::Kind::kNever) return need;", "if (need.kind == Need::Kind::kNothing) return {Need::Kind::kNever, {}};",
     "a part that needs nothing taken for one that never holds"),
    (RULE + "compile.cpp", "return emit(tree.children.front(), program, no, yes);", "return emit(tree.children.front(), program, yes, no);",
     "not forgotten"),
    (RULE + "engine.cpp", "if (parts.matching == Matching::kFirst) break;", "break;", "only one rule matches"),
    (RULE + "engine.cpp", "if (view == PathView::kKernel && !two_paths) break;", "if (view == PathView::kKernel) break;", "the kernel's path never judged"),
    (RULE + "operators.cpp", "return hits > 0;", "return hits > 1;", "anyof asks for two"),
    (RULE + "index_texts.cpp", "test.modifier != Modifier::kNone && test.modifier != Modifier::kAnyOf", "false", "oneof and allof answered as anyof"),
    (RULE + "index_texts.cpp", "kind = match::Kind::kSuffix;", "kind = match::Kind::kContains;", "endswith answered as contains"),
    (MATCH + "index.cpp", "const unsigned kept = bits > n * 8 ?", "const unsigned kept = bits >= n * 8 + 8 ?", "networks cut to whole bytes"),
    (MATCH + "index.cpp", "if (kind == Kind::kSuffix) std::reverse", "if (false) std::reverse", "suffixes sought from the wrong end"),
    (MATCH + "substrings.cpp", "fail_[child] = to;", "", "no failure links"),
    (MATCH + "substrings.cpp", "stride_ = shortest - piece_bytes_ + 1;", "stride_ = shortest - piece_bytes_ + 2;", "the filter's stride too long"),
    (MATCH + "substrings.cpp", "case_bits_ = letters_ == Case::kIgnore ? kLowerCase : 0;", "case_bits_ = 0;", "the filter minds letters' case"),
    (MATCH + "exact_texts.cpp", "while (slots_[at].id != kNone) at = (at + 1) & mask_;", "", "texts with one hash push each other out"),
    (MATCH + "byte_trie.cpp", "ends_.push_back(patterns[low].id);", "if (depth > 0) ends_.push_back(patterns[low].id);", "the empty pattern forgotten"),
    (MATCH + "path_trie.cpp", "while (!path.empty() && path.front() == '/') path.remove_prefix(1);",
     "if (!path.empty() && path.front() == '/') path.remove_prefix(1);", "repeated slashes in pmatch"),
    (RULE + "transformers.cpp", "c >= 'a' && c <= 'z' ?", "c > 'a' && c <= 'z' ?", "toupper forgets a letter"),
]


def run(argv, log, **options):
    log.write(f"\n$ {' '.join(argv)}\n")
    log.flush()
    return subprocess.run(argv, stdout=log, stderr=subprocess.STDOUT, check=False, **options).returncode


class Lab:
    """A copy of the sources and a build of the oracle beside it."""

    def __init__(self, folder, jobs, cases):
        self.source, self.build, self.jobs, self.cases = os.path.join(folder, "source"), os.path.join(folder, "build"), jobs, cases
        self.log = open(os.path.join(folder, "log"), "w", encoding="utf-8")
        files = subprocess.run(["git", "-C", ROOT, "ls-files"], check=True, capture_output=True, text=True).stdout.splitlines()
        for name in files:
            if not os.path.exists(os.path.join(ROOT, name)):
                continue
            os.makedirs(os.path.dirname(os.path.join(self.source, name)), exist_ok=True)
            shutil.copy(os.path.join(ROOT, name), os.path.join(self.source, name))
        status = run(["cmake", "-S", self.source, "-B", self.build, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_CXX_FLAGS_DEBUG=-O1",
                      "-DTIERCEL_TESTS=unit", "-DCMAKE_C_COMPILER=gcc", "-DCMAKE_CXX_COMPILER=g++",
                      "-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"], self.log)
        if status != 0:
            raise support.Failure("the copy does not configure: see " + self.log.name)

    def builds(self):
        return run(["cmake", "--build", self.build, "--target", "oracle_tests", "-j", str(self.jobs)], self.log) == 0

    def passes(self, cases):
        environment = dict(os.environ, TIERCEL_ORACLE_CASES=str(cases))
        return run([os.path.join(self.build, "tests", "unit", "oracle_tests")], self.log, env=environment, timeout=900) == 0

    def judge(self, fault):
        """'caught', 'SURVIVED' or why it could not be tried."""
        name, before, after, _ = fault
        path = os.path.join(self.source, name)
        with open(path, encoding="utf-8") as file:
            text = file.read()
        if text.count(before) != 1:
            return f"STALE: {text.count(before)} places"
        try:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text.replace(before, after))
            if not self.builds():
                return "DOES NOT BUILD"
            return "SURVIVED" if self.passes(self.cases) else "caught"
        finally:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--cases", type=int, default=400_000, help="random cases that each fault is given")
    parser.add_argument("--sound-cases", type=int, default=400_000, help="random cases for the engine as it is, before any fault")
    parser.add_argument("--only", help="only faults whose description has this text")
    parser.add_argument("--keep", help="folder for the copy, kept")
    options = parser.parse_args()
    faults = [fault for fault in FAULTS if not options.only or options.only in fault[3]]
    with tempfile.TemporaryDirectory(prefix="tiercel-faults-") as made:
        folder = options.keep or made
        os.makedirs(folder, exist_ok=True)
        lab = Lab(folder, options.jobs, options.cases)
        if not lab.builds() or not lab.passes(options.sound_cases):
            raise support.Failure("without any fault the oracle already fails: see " + lab.log.name)
        support.say(f"without a fault: {options.sound_cases:,} random cases, no difference")
        rows, bad = [], 0
        for number, fault in enumerate(faults):
            begun = time.monotonic()
            verdict = lab.judge(fault)
            bad += verdict != "caught"
            rows.append([number + 1, fault[0], fault[3], verdict])
            support.say(f"  {number + 1} of {len(faults)}: {verdict}: {fault[3]} ({time.monotonic() - begun:.0f} s)")
    print(support.table(["", "file", "fault", "verdict"], rows))
    print(f"faults: {len(faults) - bad} of {len(faults)} caught", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    support.main(main, "faults")
