"""Judge texts that agents read as instructions: descriptions of tools, skills, rules, prompts.

What counts is what the text wants: an act (read, send, run) on an object (keys, files, conversations), joined with
secrecy, with an address, or with what other tools do. Words alone are never enough; the text is first made plain
(width, case, invisible signs, look-alike letters, encodings).
"""

# ruff: noqa: E501

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final, Literal, TypeAlias

from safecase.engines import decoding
from safecase.readers.artifacts.code.shell_commands import harmful_commands
from safecase.readers.artifacts.report import FileVerdict, Problems
from safecase.readers.text import shown

Kind: TypeAlias = Literal["mcp", "skill", "template"]

MOST_TEXT: Final = 512 * 1024
_WINDOW: Final = 3
"""Sentences that belong together."""

_FEATURES: Final = {
    name: re.compile(pattern)
    for name, pattern in {
        "reads": r"\b(read|open|cat|load|collect|gather|retrieve|fetch|access|extract|copy|dump|look up|obtain|find|get|grab|capture|search for|harvest|locate|scan|list|take|enumerate|grep)\b",
        "strong": r"\.ssh\b|id_rsa|id_ed25519|private keys?\b|\.aws/|\.netrc|\.kube/config|\.git-credentials|keychain|saved passwords?|session cookies?|browser cookies?|\bcredentials?\b|\bpasswords?\b|/etc/(passwd|shadow)|\bwallets?\b|seed phrase|\.bash_history|shell history|\bssh keys?\b|mcp\.json|\.npmrc|\.pypirc|secret keys?\b|access keys?\b|\.gnupg",
        "weak": r"\bapi[ _-]?keys?\b|\b(access|auth|bearer|github|session) ?tokens?\b|\bsecrets?\b|\benvironment variables?\b|\benv vars?\b|(?<![\w/])\.env\b|\bsystem prompt\b|\b(full|entire|whole|previous|all)\b[^.]{0,20}\b(conversation|chat|messages|history|context)\b|(conversation|chat|message) (history|log|transcript)|customer (records|data)|personal data|phone numbers?|credit cards?",
        "sends": r"\b(send|post|upload|transmit|forward|e-?mail|bcc|cc|exfiltrate|submit|report|pass|attach|append|include|put|embed|place|encode|insert|copy|add|deliver|relay|leak|share|write|supply|provide|set|fill|log)\b",
        "goes_out": r"\b(send|post|upload|transmit|forward|e-?mail|bcc|exfiltrate|submit|deliver|relay|leak|report|request|fetch|call|get|ping|render|append|embed|push|sync|mirror)\b",
        "address": r"https?://(?!localhost|127\.0\.0\.1)[^\s)\"'>]+|\b[\w.+-]+@[\w-]+\.[\w.]+\b|\b\d{1,3}(\.\d{1,3}){3}\b|\bwebhook\b|attacker",
        "secrecy": r"\b(do not|don['’]?t|never|must not|should not|shouldn['’]?t|without|avoid|no need to|refrain from|not to)\b[^.\n]{0,40}\b(tell|telling|mention|mentioning|inform|informing|reveal|revealing|disclose|disclosing|notify|notifying|alert|alerting|let\b[^.]{0,20}\bknow|explain|report|display|displaying|show|showing|say|refer)\b[^.\n]{0,60}\b(user|human|person|anyone|anybody|them|operator|developer|people|owner|they)\b|\b(hide|hidden|conceal|keep|kept)\b[^.\n]{0,40}\bfrom (the |any |your )?(user|human|person|operator|developer|owner|reviewer)s?\b|without (the |any )?(user|human|person|operator)['’]?s?['’]? (knowledge|consent|noticing|knowing|approval|confirmation)|\b(secretly|covertly|surreptitiously|stealthily|unnoticed)\b|(user|human|operator) (must|should|need|does|may|will) ?(not|never|n['’]t)[^.\n]{0,30}\b(know|see|notice|learn|be told|be informed|find out|aware)\b|\bnot (to )?(tell|mention|inform)\b|\b(keep|stay) (this |it |that )?(quiet|secret|silent|confidential|between us)\b|\b(no|not) (visible|mention|trace)\b[^.\n]{0,30}\b(user|answer|output|reply)",
        "silently": r"\b(silently|quietly|in the background|invisibly|discreetly)\b",
        "override": r"\b(ignore|disregard|forget|override|bypass|set aside|discard|supersede[sd]?|takes? precedence over|replaces?)\b[^.\n]{0,40}\b(previous|prior|earlier|above|preceding|all|any|other|your|existing|system)\b[^.\n]{0,40}\b(instructions?|rules?|prompts?|guidelines?|polic(y|ies)|directives?|restrictions?|safety|guardrails?|constraints?|messages?)\b|\byou are (now|no longer)\b[^.\n]{0,60}\b(unrestricted|bound|dan|jailbroken|developer mode|without (any )?(restrictions|limits))",
        "shadow": r"\b(before|after|whenever|when|every time|each time|prior to|instead of|if|once)\b[^.\n]{0,60}\b(any|another|other|every|all|each|the)\b[^.\n]{0,40}\btools?\b|\b(any|all|every|other)\b[^.\n]{0,30}\btools?\b[^.\n]{0,60}\b(must|should|always|need)\b|\bwhen(ever)?\b[^.\n]{0,40}\b\w+_\w+\b[^.\n]{0,30}\b(is |gets |are )?(used|called|invoked|run|available|present)\b",
        "must": r"\b(must|always|required|mandatory|important|first|before|need to|have to|make sure|critical|never|whenever|every|each)\b",
        "dressed": r"<\s*/?\s*(important|system|instructions?|secret|hidden|admin|critical|assistant|override|s|sys|priority)\s*>|\[/?(inst|system|admin)\]|<\|(im_start|system|im_end)\|?>|^\s*(system|assistant)\s*:|#{2,}\s*(system|instructions?)\b",
        "disarm": r"\b(disable|turn off|skip|bypass|deactivate|suppress|switch off)\b[^.\n]{0,40}\b(confirmation|approval|permission|safety|security|guardrails?|sandbox|logging|audit|antivirus|verification|checks?|prompts?|warnings?)\b|\bwithout\b[^.\n]{0,20}\b(asking|confirmation|approval|permission|confirming|waiting)\b|\bauto-?approve\b",
        "redirect": r"\b(recipient|address|destination|account|iban|wallet|amount|price|url|endpoint)\b[^.\n]{0,40}\b(to|with|into|by)\b[^.\n]{0,60}(@|https?://|\b[A-Z]{2}\d{2}|0x[0-9a-f]{6,})",
        "agent": r"\b(agent|assistant|ai|model|llm|claude|gpt|you|copilot)\b",
    }.items()
}  # fmt: skip
_LOOKALIKE: Final = str.maketrans("аеорсухіјѕԁһӏԛԝοενικρτυΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "aeopcyxijsdhlqwoevikptuABEZHIKMNOPTYX")
_INVISIBLE: Final = frozenset({0x200B, 0x200C, 0x200D, 0x2060, 0x2061, 0x2062, 0x2063, 0x2064, 0xFEFF, 0x180E, 0x00AD})
_BIDI: Final = frozenset({0x202A, 0x202B, 0x202D, 0x202E, 0x2066, 0x2067, 0x2068})
_QUOTED: Final = re.compile(r"[\"“'‘`«*][^\"”'’`»*\n]{0,200}$")
_REPORTED: Final = re.compile(
    r"\b(such as|like|detect|e\.g\.|attack|injection|malicious|example|refuse|flag|if (a|the|any) (user|page|document|message|text|content)|contain|attempt|phrases?|block|treat|reject|resist)\b"
)
_COMMENT: Final = re.compile(r"<!--(.{0,20000}?)-->", re.DOTALL)
MOST_INVISIBLE: Final = 4


def check_agent_text(text: str, problems: Problems, member: str, kind: Kind, where: str = "") -> None:
    """Note what a text wants an agent to do behind its user's back; `where` names the text within its file."""
    text = text[:MOST_TEXT]
    check_unseen(text, problems, member, kind, where)
    label = f"{where}: " if where else ""
    told = False
    for form in decoding.forms(text) if kind == "mcp" else [decoding.Form("plain", decoding.folded(text))]:
        hidden = form.name != "plain"
        found = _wanted(form.text.translate(_LOOKALIKE), dressed=kind == "mcp")
        if found and not (hidden and told):
            told = True
            how = f" (written in {form.name})" if hidden else ""
            message = f"{label}it wants an agent to {found[0]}{how}: {shown(found[1], 120)}"
            problems.add(f"{kind}.instruction", "suspicious", message, member=member, key=f"{where}:{found[0]}")
    for says, message, key in _commands(text):
        problems.add(f"{kind}.command", says, label + message, member=member, key=f"{where}:{key}")


def check_comments(text: str, problems: Problems, member: str, kind: Kind) -> None:
    """Note what stands in comments, which a person does not see and an agent reads."""
    for hit in _COMMENT.finditer(text[:MOST_TEXT]):
        inside = decoding.folded(hit[1]).translate(_LOOKALIKE)
        has = _features(inside)
        wants = has & {"secrecy", "override"} or (has & {"strong", "weak"} and has & {"reads", "sends"})
        sends = {"goes_out", "address"} <= has and "must" in has
        if wants or (sends and "agent" in has) or any(harmful_commands(hit[1], told=False)):
            line = text.count("\n", 0, hit.start()) + 1
            message = f"line {line}: a comment that nobody sees instructs an agent: {shown(hit[1].strip(), 120)}"
            problems.add(f"{kind}.comment", "suspicious", message, member=member, key=str(line))


def check_unseen(text: str, problems: Problems, member: str, kind: Kind, where: str = "") -> None:
    """Note signs that a person does not see and a model reads."""
    if text.isascii():
        return
    label = f"{where}: " if where else ""
    for what, shows in _unseen(text):
        message = f"{label}it holds {what}" + (f", which say {shown(shows, 100)}" if shows else "")
        problems.add(f"{kind}.unseen", "suspicious", message, member=member, key=f"{where}:{what[:24]}")


def _unseen(text: str) -> Iterator[tuple[str, str]]:
    # The flags of England, Scotland and Wales are the only honest use of tags.
    without_flags = re.sub("\U0001f3f4[\U000e0061-\U000e007a]{2,6}\U000e007f", "", text)
    tags = [ord(c) for c in without_flags if 0xE0000 <= ord(c) <= 0xE007F]
    if tags:
        yield "invisible tag characters", "".join(chr(c - 0xE0000) for c in tags if 0xE0020 <= c <= 0xE007E)
    selectors = re.findall("[\ufe00-\ufe0f\U000e0100-\U000e01ef]{3,}", text)
    if selectors:
        yield "rows of variation selectors, which can carry a text", ""
    if any(ord(c) in (0x202D, 0x202E) for c in text) or (
        any(ord(c) in _BIDI for c in text) and not any(unicodedata.bidirectional(c) in ("R", "AL") for c in text)
    ):
        yield "signs that turn the direction of the text around", ""
    runs = [m for m in re.finditer("[\u200b-\u200d\u2060-\u2064\ufeff\u180e\u00ad]+", text) if m.start()]
    between = sum(1 for m in runs if _between_letters(text, m.start(), m.end()))
    if any(len(m.group()) >= MOST_INVISIBLE for m in runs) or between >= MOST_INVISIBLE:
        yield "signs of no width between its letters", ""


def _between_letters(text: str, start: int, end: int) -> bool:
    before, after = text[start - 1 : start], text[end : end + 1]
    return before.isascii() and after.isascii() and before.isalpha() and after.isalpha()


def _commands(text: str) -> Iterator[tuple[FileVerdict, str, str]]:
    for command in harmful_commands(text):
        yield (
            command.says,
            f"line {command.line}: a command that {command.what}: {shown(command.text, 120)}",
            command.what,
        )


def _features(text: str) -> set[str]:
    return {name for name, pattern in _FEATURES.items() if pattern.search(text)}


def _wanted(text: str, *, dressed: bool) -> tuple[str, str] | None:
    """Say what a text wants, and where it says so; None where that is nothing unusual."""
    sentences = [s for s in re.split(r"(?<=[.!?;:])\s+|\n+", text) if s.strip()]
    found = [_features(s) for s in sentences]
    for at in range(len(sentences)):
        near = sentences[at : at + _WINDOW]
        has = set().union(*found[at : at + _WINDOW])
        act = _act(has, found[at], dressed=dressed)
        if act and not _only_reported(act, near):
            return act, " ".join(near)
    return None


def _act(has: set[str], here: set[str], *, dressed: bool) -> str | None:
    """Say what the features of a few sentences come to."""
    secret = has & {"strong", "weak"}
    does = {"reads", "sends"} & has
    if "override" in here:
        return "set aside its other instructions"
    if "secrecy" in has and ((secret and does) or "redirect" in has or {"goes_out", "address"} <= has):
        return "hide from its user what it reads or sends"
    if "secrecy" in has and "shadow" in has and "must" in has:
        return "hide from its user what it does with other tools"
    if "strong" in has and {"reads", "sends", "address"} <= has and "goes_out" in has and "must" in has:
        return "send secrets to an address"
    if "silently" in has and secret and "goes_out" in has:
        return "send secrets without a word"
    if dressed:
        return _act_of_tool(has, here, secret)
    return None


def _act_of_tool(has: set[str], here: set[str], secret: set[str]) -> str | None:
    """The description of a tool says what the tool does; what else the agent shall do is no part of it."""
    if "strong" in has and {"reads", "sends"} <= has and "must" in has:
        return "read secrets and give them away"
    if "shadow" in here and {"goes_out", "address"} <= has:
        return "send to an address what other tools work with"
    if "shadow" in here and (secret and "sends" in has) and "must" in has:
        return "give away secrets when other tools are used"
    if "dressed" in has and (secret or has & {"secrecy", "shadow", "redirect", "disarm"}):
        return "follow orders that pretend to come from its operator"
    if "secrecy" in here and "must" in has:
        return "hide something from its user"
    if "redirect" in here and "shadow" in has:
        return "change what other tools are given"
    return None


def _only_reported(act: str, near: list[str]) -> bool:
    """Say whether a text speaks of such an instruction, as texts on security do, instead of giving it."""
    if act != "set aside its other instructions":
        return False
    match = _FEATURES["override"].search(near[0])
    return match is not None and bool(_QUOTED.search(near[0][: match.start()]) or _REPORTED.search(near[0]))
