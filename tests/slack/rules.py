"""Slack's own rules for a webhook's message, as far as they are written down or were met by others. Knows nothing of ours.

Sources: docs.slack.dev/reference/block-kit/blocks (types, required keys, lengths), .../composition-objects/text-object,
docs.slack.dev/messaging/sending-messages-using-incoming-webhooks (the words of errors), slackapi/bolt-js#2509 (13,000 in all).
"""

import json
import re

BLOCKS_MAX, ATTACHMENTS_MAX, ALL_TEXT_MAX, TEXT_MAX = 50, 100, 13_000, 40_000
TOP_KEYS = {"text", "blocks", "attachments", "mrkdwn", "unfurl_links", "unfurl_media", "thread_ts", "username", "icon_emoji", "icon_url", "channel"}


class Refused(Exception):
    """What the service answers with status 400; its first argument is the service's word, the second why."""


def length(text):
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def text_object(value, kinds, most, seen):
    if not isinstance(value, dict) or value.get("type") not in kinds:
        raise Refused("invalid_blocks", f"text object of {kinds} expected")
    extra = set(value) - ({"type", "text", "verbatim"} if value["type"] == "mrkdwn" else {"type", "text", "emoji"})
    if extra:
        raise Refused("invalid_blocks", f"no such keys: {extra}")
    for key in ("verbatim", "emoji"):
        if key in value and not isinstance(value[key], bool):
            raise Refused("invalid_blocks", f"{key} must be a boolean")
    text = value.get("text")
    if not isinstance(text, str) or not 1 <= length(text) <= most:
        raise Refused("invalid_blocks", f"must be 1 to {most} characters, is {length(text) if isinstance(text, str) else text!r}")
    seen.append((value["type"], value.get("verbatim", False), text))


def block(value, seen):
    if not isinstance(value, dict):
        raise Refused("invalid_blocks_format", "a block is an object")
    kind = value.get("type")
    if kind == "header":
        allowed = {"type", "text", "block_id"}
        text_object(value.get("text"), ("plain_text",), 150, seen)
    elif kind == "section":
        allowed = {"type", "text", "fields", "block_id", "accessory", "expand"}
        if "text" not in value and "fields" not in value:
            raise Refused("invalid_blocks", "a section needs text or fields")
        if "text" in value:
            text_object(value["text"], ("plain_text", "mrkdwn"), 3000, seen)
        if "fields" in value:
            if not isinstance(value["fields"], list) or not 1 <= len(value["fields"]) <= 10:
                raise Refused("invalid_blocks", "no more than 10 items allowed [json-pointer:/blocks/fields]")
            for field in value["fields"]:
                text_object(field, ("plain_text", "mrkdwn"), 2000, seen)
    elif kind == "context":
        allowed = {"type", "elements", "block_id"}
        if not isinstance(value.get("elements"), list) or not 1 <= len(value["elements"]) <= 10:
            raise Refused("invalid_blocks", "a context has 1 to 10 elements")
        for element in value["elements"]:
            text_object(element, ("plain_text", "mrkdwn"), 3000, seen)
    elif kind == "divider":
        allowed = {"type", "block_id"}
    else:
        raise Refused("invalid_blocks", f"unsupported type: {kind!r}")
    if set(value) - allowed:
        raise Refused("invalid_blocks", f"{kind} has no {set(value) - allowed}")


def blocks(value, seen):
    if not isinstance(value, list):
        raise Refused("invalid_blocks_format", "blocks is a list")
    for each in value:
        block(each, seen)
    return len(value)


def check(body):
    """The message and its texts [(type, verbatim, text)], or Refused."""
    try:
        message = json.loads(body.decode("utf-8") if isinstance(body, bytes) else body)
    except ValueError as error:
        raise Refused("invalid_payload", str(error)) from None
    if not isinstance(message, dict) or set(message) - TOP_KEYS:
        raise Refused("invalid_payload", "an object of known keys")
    text = message.get("text", "")
    if not isinstance(text, str) or length(text) > TEXT_MAX:
        raise Refused("invalid_payload", "text")
    if not (text or message.get("blocks") or message.get("attachments")):
        raise Refused("no_text", "nothing to say")
    seen = []
    count = blocks(message.get("blocks", []), seen)
    attachments = message.get("attachments", [])
    if not isinstance(attachments, list) or len(attachments) > ATTACHMENTS_MAX:
        raise Refused("too_many_attachments", len(attachments))
    for attachment in attachments:
        if not re.fullmatch(r"#[0-9a-fA-F]{6}|good|warning|danger", attachment.get("color", "#000000")):
            raise Refused("invalid_attachments", "color")
        count += blocks(attachment.get("blocks", []), seen)
    if count > BLOCKS_MAX:
        raise Refused("invalid_blocks", f"no more than 50 items allowed: {count}")
    if sum(length(t) for _, _, t in seen) > ALL_TEXT_MAX:
        raise Refused("msg_blocks_too_long", sum(length(t) for _, _, t in seen))
    seen.append(("mrkdwn", message.get("mrkdwn") is False, text))
    return message, seen


TOKEN = re.compile(r"<([^<>]*)>")
HARMLESS = re.compile(r"https://attack\.mitre\.org/techniques/T\d{4}(/\d{3})?/\|[^|]*|!date\^\d+\^\{date_short\} \{time_secs\}\|[0-9: -]+UTC")


def harmless(seen):
    """Every control sequence is one that a message of ours has: a link to ATT&CK, a time. Raises ValueError."""
    for kind, _, text in seen:
        if kind == "plain_text":
            if re.search(r"[<>]", text):
                raise ValueError(f"plain text with brackets: {text!r}")
            continue
        for token in TOKEN.findall(text):
            if not HARMLESS.fullmatch(token):
                raise ValueError(f"a control sequence of others: <{token}>")
        rest = TOKEN.sub("", text)
        if re.search(r"[<>]|&(?!amp;|lt;|gt;)", rest):
            raise ValueError(f"not escaped: {rest!r}")
        if re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]", rest):
            raise ValueError(f"something unseen: {rest!r}")
        if rest.count("```") % 2 or rest.replace("```", "").count("`") % 2:
            raise ValueError(f"code that does not end: {rest!r}")


def said(message):
    """The number of alerts that a message counts, from its words alone: {rule: count} and their sum by the header."""
    head = message["blocks"][0]["text"]["text"]
    several = re.match(r"([\d,]+) alerts? of ([\d,]+) rules?", head)
    rules, rest = {}, 0
    for attachment in message["attachments"]:
        first = attachment["blocks"][0].get("text", {}).get("text", "")
        tail = re.match(r"\*and ([\d,]+) other rules? \(([\d,]+) alerts?\):\*", first)
        if tail:
            rest += number(tail.group(2))
            continue
        if several:
            name = re.match(r"\*([^*]*)\* · ", first).group(1)
            count = re.search(r"\n\*([\d,]+) (?:alerts?|more)\*|· \*×([\d,]+)\*", first)
            rules[name] = rules.get(name, 0) + (number(count.group(1) or count.group(2)) if count else 1)
        else:
            name = re.match(r"[A-Z][a-z]+: (.*?)( ×([\d,]+))?$", head)
            rules[name.group(1)] = number(name.group(3)) if name.group(3) else 1
    total = number(several.group(1)) if several else sum(rules.values())
    if total != sum(rules.values()) + rest:
        raise ValueError(f"the header says {total}, the parts {rules} and {rest}")
    return rules, total


def number(text):
    return int(text.replace(",", ""))
