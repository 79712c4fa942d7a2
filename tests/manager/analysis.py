"""A Wazuh 4.14 manager's analysis, as far as our own decoders and rules use it: which rule an event ends at. What they do not
use is refused, so that nothing is judged here by a guess.

Source of the facts: analysisd of v4.14.7 (rules.c, rules_list.c, eventinfo.c, decoders/decoder.c, plugins/json_decoder.c),
and what its logtest said of the same files."""

import json
import re
import time
import xml.etree.ElementTree as ElementTree

STATIC = {"srcip", "dstip", "srcport", "dstport", "protocol", "srcuser", "dstuser", "id", "status", "action", "url", "data", "extra_data",
          "system_name"}
# OSRegex: what stands behind a backslash, as Python has it.
CLASSES = {"w": "[A-Za-z0-9_@-]", "d": "[0-9]", "s": " ", "t": "\t", "p": r"[()*+,\-.:;<=>?\[\]!\"'#%&$|{}]", ".": ".", "\\": r"\\", "$": r"\$", "|": r"\|",
           "(": r"\(", ")": r"\)", "<": "<"}
RULE_KEYS = {"if_sid", "if_group", "if_matched_sid", "if_matched_group", "decoded_as", "field", "same_field", "different_field", "different_location",
             "global_frequency", "description", "mitre", "group", "options"}
RULE_ATTRIBUTES = {"id", "level", "frequency", "timeframe", "noalert", "ignore"}


class Unknown(Exception):
    """A part of decoders or rules that this analysis does not have."""


def os_regex(text):
    """OSRegex: no letter's size matters; a dot is a dot; + and * only behind a class; | is the only alternative."""
    out, at = [], 0
    while at < len(text):
        char = text[at]
        if char == "\\":
            at += 1
            if text[at] not in CLASSES:
                raise Unknown(f"OSRegex \\{text[at]}")
            out.append(CLASSES[text[at]])
        elif char in "^$|":
            out.append(char)
        elif char in "+*" and out and out[-1] in CLASSES.values():
            out.append(char)
        else:
            out.append(re.escape(char))
        at += 1
    return re.compile("".join(out), re.IGNORECASE | re.DOTALL)


def as_text(value):
    """A JSON leaf as the plug-in writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, int):
        return str(value) if -2**31 <= value < 2**31 else f"{float(value):f}"
    return str(value)


def flat(value, name="", out=None):
    """{dotted name: text}; a list is one text of its elements."""
    out = {} if out is None else out
    for key, item in value.items():
        full = f"{name}.{key}" if name else key
        if isinstance(item, dict):
            flat(item, full, out)
        else:
            out[full] = json.dumps(item) if isinstance(item, list) else as_text(item)
    return out


def _roots(path):
    with open(path, encoding="utf-8") as file:
        return ElementTree.fromstring("<file>" + file.read() + "</file>")


class Decoders:
    """Parents with a prematch, and one child that hands the rest to the JSON plug-in."""

    def __init__(self, paths):
        self.all = [one for path in paths for one in _roots(path)]
        for one in self.all:
            unknown = {part.tag for part in one} - {"prematch", "parent", "plugin_decoder"}
            if one.tag != "decoder" or unknown:
                raise Unknown(f"decoder: {one.tag} {sorted(unknown)}")

    def decode(self, log):
        """(name, fields), or None if no decoder takes it."""
        for parent in self.all:
            if parent.find("parent") is None and os_regex(parent.findtext("prematch")).search(log):
                return parent.get("name"), self._children(parent.get("name"), log)
        return None

    def _children(self, parent, log):
        for child in self.all:
            found = child.findtext("parent") == parent and os_regex(child.findtext("prematch")).search(log)
            if found:
                plugin = child.find("plugin_decoder")
                if plugin.text != "JSON_Decoder" or plugin.get("offset") != "after_prematch":
                    raise Unknown(f"plug-in {plugin.text}")
                return flat(json.loads(log[found.end():]))
        return {}


class Rule:
    def __init__(self, element, groups):
        unknown = ({part.tag for part in element} - RULE_KEYS) | (set(element.attrib) - RULE_ATTRIBUTES)
        if unknown:
            raise Unknown(f"rule {element.get('id')}: {sorted(unknown)}")
        self.id, self.level = int(element.get("id")), int(element.get("level"))
        self.noalert = element.get("noalert") == "1"
        self.frequency, self.timeframe_s = int(element.get("frequency", 0)), int(element.get("timeframe", 0))
        self.description = element.findtext("description", "")
        own = [group.text for group in element.findall("group")]
        self.groups = [name for text in [groups, *own] for name in text.split(",") if name]
        self.mitre = [one.text for one in element.findall("mitre/id")]
        self.parents = [int(one) for text in element.findall("if_sid") for one in re.split("[, ]+", text.text)]
        self.parent_group, self.decoded_as = element.findtext("if_group"), element.findtext("decoded_as")
        self.fields = [(field.get("name"), self._pattern(field), field.get("negate") == "yes") for field in element.findall("field")]
        self.matched_sid = int(element.findtext("if_matched_sid", "0")) or None
        self.matched_group = element.findtext("if_matched_group")
        self.same = [one.text for one in element.findall("same_field")]
        self.different = [one.text for one in element.findall("different_field")]
        self.other_agents = element.find("different_location") is not None
        self.all_agents = element.find("global_frequency") is not None
        self.children = []

    @staticmethod
    def _pattern(field):
        kind = field.get("type", "osregex")
        if kind == "pcre2":
            return re.compile(field.text)
        if kind != "osregex":
            raise Unknown(f"field type {kind}")
        return os_regex(field.text)

    @property
    def sums(self):
        return self.matched_sid is not None or self.matched_group is not None


class Event:
    def __init__(self, decoder, fields, agent, location, now_s):
        self.decoder, self.fields, self.agent, self.location, self.now_s = decoder, fields, agent, location, now_s
        self.rule, self.matched = None, 0


class Manager:
    """Decoders, rules, and the alerts that were until now. Rules of the manager's own are told by `others`: {id: level}."""

    def __init__(self, decoders, rules, others=None):
        self.decoders = Decoders(decoders)
        self.rules, self._seen = {}, []
        for number, level in (others or {}).items():
            self._add(Rule(ElementTree.fromstring(f'<rule id="{number}" level="{level}"><decoded_as>none</decoded_as></rule>'), ""))
        for path in rules:
            for group in _roots(path):
                if group.tag != "group":
                    raise Unknown(f"{path}: <{group.tag}>")
                for element in group:
                    self._add(Rule(element, group.get("name")))

    def _add(self, rule):
        if rule.id in self.rules:
            raise Unknown(f"rule {rule.id} is there twice")
        for parent in self._parents_of(rule):
            at = next((i for i, other in enumerate(parent.children) if rule.level > other.level), len(parent.children))
            parent.children.insert(at, rule)
        self.rules[rule.id] = rule

    def _parents_of(self, rule):
        missing = [one for one in rule.parents if one not in self.rules]
        if missing:
            raise Unknown(f"rule {rule.id}: no rule {missing} before it")
        parents = [self.rules[one] for one in rule.parents]
        if rule.parent_group:
            parents += [one for one in self.rules.values() if rule.parent_group in one.groups]
        if not parents and rule.matched_sid:
            parents = [self.rules[rule.matched_sid]]
        elif not parents and rule.matched_group:
            parents = [one for one in self.rules.values() if rule.matched_group in one.groups]
        return parents

    def take(self, log, agent="001", location="tiercel", now_s=None):
        """The Event with the rule that it ends at (None: no decoder, or no rule)."""
        decoded = self.decoders.decode(log)
        event = Event(*(decoded or ("", {})), agent, location, time.time() if now_s is None else now_s)
        return self._judge(event, [one for one in self.rules.values() if one.decoded_as == event.decoder])

    def forget(self):
        """As if nothing had been until now."""
        self._seen.clear()

    def take_own(self, number, agent="001", now_s=None):
        """One of the manager's own alerts (504: an agent is gone)."""
        return self._judge(Event("none", {}, agent, "manager", time.time() if now_s is None else now_s), [self.rules[number]])

    def _judge(self, event, roots):
        for root in sorted(roots, key=lambda one: -one.level):
            event.rule = self._walk(root, event)
            if event.rule:
                break
        if event.rule:
            self._seen.append(event)
        return event

    def _walk(self, rule, event):
        if not self._holds(rule, event):
            return None
        for child in rule.children:
            found = self._walk(child, event)
            if found:
                return found
        return None if rule.noalert else rule

    def _holds(self, rule, event):
        for name, pattern, negated in rule.fields:
            value = event.fields.get(name)
            if value is None or bool(pattern.search(value)) == negated:
                return False
        return not rule.sums or self._enough(rule, event)

    def _enough(self, rule, event):
        count, youngest = 0, None
        for other in reversed(self._seen):
            if event.now_s - other.now_s > rule.timeframe_s:
                return False
            if not self._counts(rule, event, other):
                continue
            if other.matched >= rule.level:
                return False
            count, youngest = count + 1, youngest or other
            if count == rule.frequency - 1:
                event.matched = rule.level
                if count > 1:
                    youngest.matched = rule.level
                return True
        return False

    @staticmethod
    def _counts(rule, event, other):
        if rule.matched_sid not in (None, other.rule.id) or (rule.matched_group and rule.matched_group not in other.rule.groups):
            return False
        if not rule.all_agents and other.agent != event.agent:
            return False
        if rule.other_agents and (other.agent, other.location) == (event.agent, event.location):
            return False
        if any(event.fields.get(name) is None or event.fields[name] != other.fields.get(name) for name in rule.same):
            return False
        return not any(event.fields.get(name) is not None and event.fields[name] == other.fields.get(name) for name in rule.different)

    @staticmethod
    def described(event):
        """The description with its fields; an absent one is empty."""
        return re.sub(r"\$\(([^)]+)\)", lambda found: event.fields.get(found.group(1), ""), event.rule.description)
