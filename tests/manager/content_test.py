#!/usr/bin/env python3
"""What a manager makes of our alerts by the decoders and rules that we ship: each detection, each receipt and each report of
the agent about itself must end at its own rule, with the level, groups and ATT&CK ids that the rule files promise."""

import os
import sys
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from arrives import LEVELS, SILENT, detections, manager, priority_of, wire, wrong_with  # noqa: E402

# What the agent reports about itself, and how it must arrive: (name, fields, level, a group).
REPORTS = [("events lost", {"lost": "17"}, 12, "tiercel_loss"), ("heartbeat", {}, 3, "tiercel_heartbeat"),
           ("rules refused", {}, 9, "tiercel_rules"), ("alerts lost", {"lost": "3"}, 12, "tiercel_loss"),
           ("alerts lost", {"lost": "3", "output": "slack", "answer": "HTTP 400"}, 12, "tiercel_output_loss"),
           ("spool", {"state": "not_durable"}, 9, "tiercel_spool"), ("history", {"state": "damaged"}, 5, "tiercel_history"), ("gap", {"how": "killed"}, 8, "tiercel_gap"),
           ("group configuration refused", {}, 9, "tiercel_group"), ("group configuration applied", {}, 3, "tiercel_group"),
           ("clock set", {}, 8, "tiercel_clock"),
           ("hook deaf", {"state": "deaf", "hooks": "connect"}, 13, "tiercel_hook_deaf"), ("hook deaf", {"state": "heard"}, 9, "tiercel_self_test"),
           ("canary", {"latency_us": "900"}, 3, "tiercel_canary"),
           ("flood", {"state": "begins", "cgroup": "7"}, 10, "tiercel_flood"), ("flood", {"state": "ends", "held_back": "7"}, 5, "tiercel_flood"),
           ("self-test", {"state": "failed"}, 13, "tiercel_self_test"), ("self-test", {"state": "passed"}, 9, "tiercel_self_test"),
           ("response", {"response_script": "kill-process", "response_result": "done"}, 5, "tiercel_response_kill"),
           ("response", {"response_script": "kill-process", "response_result": "refused"}, 8, "tiercel_response"),
           ("response", {"response_script": "firewall-drop", "response_result": "done"}, 3, "tiercel_response"),
           ("response", {"response_origin": "local", "response_action": "kill", "response_result": "done"}, 5, "tiercel_response_kill"),
           ("response", {"response_origin": "local", "response_action": "block", "response_result": "done"}, 5, "tiercel_response"),
           ("response", {"response_origin": "local", "response_action": "kill", "response_result": "would"}, 3, "tiercel_response_dry"),
           ("response", {"response_origin": "local", "response_action": "kill", "response_result": "budget"}, 8, "tiercel_response"),
           ("response", {"response_origin": "local", "response_action": "block", "response_result": "undone"}, 3, "tiercel_response"),
           ("agent gone", {"how": "killed", "since": "then"}, 13, "tiercel_gone"), ("witness gone", {"how": "ended"}, 12, "tiercel_tampering"),
           ("sensor tampered", {"what": "hook"}, 13, "tiercel_tampering"), ("agent traced", {"tracer_pid": "7"}, 12, "tiercel_tampering"),
           ("attack denied", {"denied": "3"}, 12, "tiercel_tampering"), ("file changed", {"what": "written to"}, 5, "tiercel_file"), ("gap", {"how": "paused", "lost": "0"}, 10, "tiercel_gap"),
           ("something new", {}, 7, "tiercel_internal")]


def alert(rule, priority, category="", source="syscall", **more):
    """The keys that rules look at; decoders/ALERT.md."""
    event = {"schema": "1", "id": "1", "rule": rule, "priority": priority, "source": source, "proc": {"name": "sh", "pname": "bash"}}
    if category:
        event["category"] = category
    return {"tiercel": {**event, **more}}


class Content(unittest.TestCase):
    def test_files(self):
        rules = manager().rules.values()
        self.assertGreater(len(rules), 100)
        for rule in rules:
            self.assertTrue(0 <= rule.level <= 16, rule.id)
            self.assertTrue(rule.id in SILENT or 100000 <= rule.id <= 120000, rule.id)
            self.assertTrue(rule.id in SILENT or rule.description, rule.id)

    def test_each_detection_ends_at_its_rule(self):
        used = {}
        for entry in detections():
            event = manager().take(wire(alert(entry["rule"], priority_of(entry), entry["category"])))
            self.assertIsNone(wrong_with(event, entry), entry["rule"])
            self.assertNotIn(event.rule.id, used, f"{entry['rule']} and {used.get(event.rule.id)}")
            used[event.rule.id] = entry["rule"]
        self.assertEqual(len(used), 100)

    def test_what_no_rule_names_ends_at_its_priority(self):
        for priority, level in LEVELS.items():
            event = manager().take(wire(alert("An Operator's Own", priority)))
            self.assertEqual((event.rule.level, f"tiercel_{priority.lower()}" in event.rule.groups), (level, True), priority)
            self.assertGreaterEqual(event.rule.level, 3, "a manager writes no alert below level 3")
        event = manager().take(wire(alert("An Operator's Own", "a priority to come")))
        self.assertEqual(event.rule.id, 110000)

    def test_a_name_within_another_is_not_it(self):
        for name in ("Reverse Shell Two", "A Reverse Shell", "reverse  shell"):
            self.assertIn("tiercel_critical", manager().take(wire(alert(name, "Critical"))).rule.groups, name)

    def test_reports(self):
        for name, fields, level, group in REPORTS:
            event = manager().take(wire(alert("Tiercel internal: " + name, "Warning", source="internal", field=fields)))
            self.assertEqual((event.rule.level, group in event.rule.groups), (level, True), f"{name} {fields}: {event.rule.id}")

    def test_files_that_operators_do_not_change(self):
        for priority, level in (("Notice", 5), ("Error", 10)):
            event = manager().take(wire(alert("Tiercel internal: file changed", priority, source="internal", field={"what": "removed"})))
            self.assertEqual((event.rule.level, "tiercel_file" in event.rule.groups), (level, True), priority)

    def test_a_detection_cannot_pass_for_a_report(self):
        event = manager().take(wire(alert("Tiercel internal: heartbeat", "Critical")))
        self.assertNotIn("tiercel_heartbeat", event.rule.groups)
        self.assertEqual(event.rule.level, LEVELS["Critical"])

    def test_other_texts_are_not_ours(self):
        for log in ('{"tiercel":{"rule":"Reverse Shell"}}', "tiercel: down", " tiercel: {}", "xtiercel: {}"):
            self.assertIsNone(manager().take(log).rule, log)


class Sums(unittest.TestCase):
    def setUp(self):
        self.manager, self.now_s = manager(), 1000.0

    def give(self, event, agent="001", after_s=1.0):
        self.now_s += after_s
        return self.manager.take(wire(event), agent, location=f"({agent}) any->tiercel", now_s=self.now_s).rule

    def test_many_kills(self):
        receipt = alert("Tiercel internal: response", "Informational", source="internal",
                        field={"response_script": "kill-process", "response_result": "done"})
        self.assertEqual([self.give(receipt).id == 110040 for _ in range(5)], [False] * 4 + [True])

    def test_kills_that_take_their_time(self):
        receipt = alert("Tiercel internal: response", "Informational", source="internal",
                        field={"response_script": "kill-process", "response_result": "done"})
        self.assertNotIn(110040, [self.give(receipt, after_s=20).id for _ in range(8)])

    def test_many_listeners(self):
        listener = alert("Makeshift Listener Opened", "Error", "network")
        got = [self.give(listener, after_s=20) for _ in range(5)]
        self.assertEqual(["tiercel_sum" in rule.groups for rule in got], [False] * 4 + [True])

    def test_one_detection_on_many_hosts(self):
        got = [self.give(alert("Reverse Shell", "Critical", "reverse_shell"), agent=f"00{n}") for n in range(1, 6)]
        self.assertEqual(["tiercel_sum" in rule.groups for rule in got], [False] * 4 + [True])

    def test_one_detection_on_one_host_is_no_sum(self):
        got = [self.give(alert("Reverse Shell", "Critical", "reverse_shell")) for _ in range(9)]
        self.assertFalse(any("tiercel_sum" in rule.groups for rule in got))

    def test_detections_of_several_categories(self):
        got = [self.give(alert(entry, "Critical", category))
               for entry, category in (("Reverse Shell", "reverse_shell"), ("Container Escape via Mount", "container_escape"),
                                       ("Scheduled Job Planted", "file_integrity"), ("Setuid Bit Set on a File", "privilege_escalation"))]
        self.assertEqual(["tiercel_sum" in rule.groups for rule in got], [False] * 3 + [True])

    def test_a_host_that_falls_silent(self):
        self.assertEqual(self.manager.take_own(504, "007", now_s=self.now_s).rule.id, 504)  # never was one of ours
        self.give(alert("Tiercel internal: heartbeat", "Informational", source="internal"), agent="001")
        gone = self.manager.take_own(504, "001", now_s=self.now_s + 900).rule
        self.assertEqual(("tiercel_silent" in gone.groups, gone.level >= 7), (True, True))


if __name__ == "__main__":
    unittest.main()
