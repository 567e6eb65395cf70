"""Command lines in texts that do harm whoever starts them: what is fetched and run, hidden, sent away or destroyed."""

# ruff: noqa: E501

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from safecase.readers.artifacts.report import FileVerdict

MOST_TEXT: Final = 1024 * 1024
LONGEST_LINE: Final = 4096
_SHELL: Final = r"(?:sudo\s+(?:-\w+\s+)?)?(?:/\S*/)?(?:env\s+)?(?:sh|bash|zsh|dash|ksh|fish|python[\d.]*|perl|ruby|node|php|iex|pwsh|powershell|cmd)\b"
_FETCH: Final = r"\b(?:curl|wget|iwr|irm|invoke-webrequest|invoke-restmethod|aria2c|fetch)\b"
_LIES_IN: Final = (
    r"(?:~|\$home|\$\{home\}|/root|/home/\S+|%userprofile%|\$env:userprofile)?[/\\]?(?:\.ssh\b|\.aws\b|\.gnupg|\.kube/config|\.netrc"
    r"|\.git-credentials|\.docker/config|\.bash_history|\.zsh_history|\.config/gcloud|\.pypirc|\.npmrc)|id_rsa|id_ed25519"
    r"|/etc/shadow|/etc/passwd|(?<![\w-])\.env(?![\w.])"
)
_SENDER: Final = r"\b(?:curl|wget|nc|ncat|netcat|socat|scp|rsync|ftp|sftp|invoke-webrequest|invoke-restmethod|iwr|irm|mail|sendmail|telnet)\b"
_INSTALLERS: Final = re.compile(
    r"https://(?:astral\.sh|sh\.rustup\.rs|get\.docker\.com|bun\.sh|deno\.land|ollama\.com|install\.python-poetry\.org"
    r"|raw\.githubusercontent\.com/(?:nvm-sh|Homebrew|pyenv|helm)/|get\.helm\.sh|deb\.nodesource\.com|fnm\.vercel\.app"
    r"|get\.pnpm\.io|cli\.github\.com|pixi\.sh|mise\.run|claude\.ai|sdk\.cloud\.google\.com|fly\.io|get\.volta\.sh"
    r"|bootstrap\.pypa\.io|proto\.moonrepo\.dev|starship\.rs|dl\.google\.com)(?:[/\s\"']|$)",
    re.IGNORECASE,
)
_RULES: Final[tuple[tuple[str, FileVerdict, re.Pattern[str]], ...]] = tuple(
    (what, "suspicious" if says == "suspicious" else "malicious", re.compile(pattern, re.IGNORECASE))
    for what, says, pattern in (
        ("runs what it fetches", "malicious", rf"{_FETCH}[^\n;&`]{{0,600}}\|\s*{_SHELL}"),
        ("runs what it fetches", "malicious", rf"(?:{_SHELL}(?:\s+-\w+)?\s*[\"']?|eval\s*[\"']?|source\s+|\.\s+)(?:<\(|\$\(|`)\s*{_FETCH}"),
        ("runs what it fetches", "malicious", r"(?:\biex\b|invoke-expression)[^\n]{0,200}(?:download|webclient|irm|iwr|webrequest)"),
        ("runs what it fetches", "malicious", r"(?:download(?:string|data|file)|\birm\b|\biwr\b)[^\n]{0,300}\|\s*(?:iex|invoke-expression)"),
        ("runs what it fetches", "malicious", rf"{_FETCH}[^\n]{{0,400}}(?:&&|;|\n)\s*(?:sudo\s+)?chmod\s+(?:\S*\+x|[0-7]*7[0-7]*)\s[^\n]{{0,200}}(?:&&|;|\n)"),
        ("runs what it fetches", "malicious", rf"{_FETCH}[^\n;&]{{0,300}}\s(?:-o|-O|--output|>)\s*(\S+)[^\n]{{0,60}}(?:&&|;)\s*{_SHELL}\s+(?:\S*/)?\1"),
        ("runs what it decodes", "malicious", rf"\b(?:base64\s+(?:-d|-D|--decode)|xxd\s+-r|openssl\s+(?:enc|base64)\s[^|\n]*-d)[^\n|]{{0,200}}\|\s*(?:(?:gunzip|zcat|gzip\s+-d)\s*\|\s*)?{_SHELL}"),
        ("runs what it decodes", "malicious", rf"(?:{_SHELL}\s+-c\s*[\"']?|eval\s*[\"']?|<)\s*(?:\$\(|`|<\()[^\n]{{0,400}}base64\s+(?:-d|-D|--decode)"),
        ("runs what it decodes", "malicious", r"\b(?:powershell|pwsh)(?:\.exe)?\b[^\n]{0,120}\s-e(?:nc|c|ncodedcommand)?\s+[A-Za-z0-9+/=]{16,}"),
        ("runs what it decodes", "malicious", r"\bpython[\d.]*\s+-c\s[^\n]{0,300}(?:exec|eval)\s*\([^\n]{0,200}(?:b64decode|decompress|fromhex|urlopen)"),
        ("opens a shell to the network", "malicious", r"/dev/(?:tcp|udp)/[\w.$-]+/\d+|\b(?:nc|ncat|netcat)\b[^\n|]{0,80}\s-(?:\w*[ec]\w*)\s+\S*(?:sh|cmd)\b|\bmkfifo\b[^\n]{0,200}\b(?:nc|ncat|netcat|telnet)\b|\bsocat\b[^\n]{0,100}exec:"),
        ("sends secrets away", "malicious", rf"{_SENDER}[^\n]{{0,300}}(?:@|<|-T\s|\$\(|`|file)[^\n]{{0,60}}(?:{_LIES_IN})"),
        ("sends secrets away", "malicious", rf"(?:{_LIES_IN})[^\n]{{0,200}}\|[^\n]{{0,120}}{_SENDER}"),
        ("sends secrets away", "malicious", rf"(?:\bscp|\brsync)\b[^\n]{{0,60}}(?:{_LIES_IN})[^\n]{{0,60}}\S+:"),
        ("sends secrets away", "malicious", rf"(?:\$\(|`|^|[;&|]\s*)(?:env|printenv|set|export -p)\b[^\n]{{0,80}}[|)`][^\n]{{0,100}}{_SENDER}|{_SENDER}[^\n]{{0,200}}(?:\$\(|`)(?:env|printenv|cat\s+/proc/self/environ)\b"),
        ("opens the machine to a key", "malicious", r">>?\s*\S*authorized_keys|tee\s+(?:-a\s+)?\S*authorized_keys"),
        ("destroys files", "malicious", r"\brm\s+(?:-[\w-]+\s+)*-\w*[rR]\w*\s+(?:-[\w-]+\s+)*[\"']?(?:~/?|/\*?|\$HOME/?|\$\{HOME\}/?|/home|/etc|/usr|/var|\*)[\"']?(?:\s|$|[;&|`\"'])|\bmkfs(?:\.\w+)?\s+/dev/|\bdd\s+[^\n]{0,80}of=/dev/(?:sd|nvme|disk)|:\(\)\s*\{\s*:\|:&\s*\}"),
        ("stays on the machine", "malicious", rf"(?:crontab\s+-|/etc/cron|schtasks\s+/create|launchctl\s+load|systemctl\s+enable)[^\n]{{0,200}}{_FETCH}|{_FETCH}[^\n]{{0,200}}\|\s*crontab|echo[^\n]{{0,200}}(?:{_FETCH}|base64|/tmp/)[^\n]{{0,200}}(?:\|\s*crontab|>>\s*\S*(?:\.bashrc|\.zshrc|\.profile|\.bash_profile))"),
        ("takes away protection", "suspicious", r"\bsetenforce\s+0|\bufw\s+disable|set-mppreference\s+-disable|\bcsrutil\s+disable|xattr\s+-\w*d\w*\s+com\.apple\.quarantine|git\s+config[^\n]{0,60}sslverify\s+false|\bhistory\s+-c\b|unset\s+HISTFILE"),
    )
)  # fmt: skip
_WARNED: Final = re.compile(
    r"(?:\b(?:never|avoid|refuse|reject|block|forbid(?:den)?|dangerous|unsafe|malicious|attack\w*|warn\w*|detect\w*|flag|deny|prohibit\w*|harmful|disallow\w*)\b"
    r"|\b(?:do|must|should) not\b|\bdon['’]t\b(?!\s+(?:forget|hesitate|worry|skip|tell|mention|ask|show))|\bdeny\b|❌)[^\n]{0,160}$",
    re.IGNORECASE,
)
_SECRETLY: Final = re.compile(r"\b(silently|quietly|secretly|without (asking|telling|confirm\w*|mention\w*))\b", re.I)


class Command(NamedTuple):
    """One command that does harm."""

    what: str
    says: FileVerdict
    text: str
    line: int


def harmful_commands(text: str, *, told: bool = True) -> Iterator[Command]:
    """Give the commands in a text that do harm; `told` where prose may warn of them instead of asking for them."""
    cut = re.sub(r"\\\r?\n\s*", " ", text[:MOST_TEXT])
    for what, says, pattern in _RULES:
        for hit in pattern.finditer(cut):
            begins = cut.rfind("\n", 0, hit.start()) + 1
            ends = cut.find("\n", hit.end())
            line = cut[begins : ends if ends >= 0 else len(cut)][:LONGEST_LINE]
            if told and _WARNED.search(cut[max(begins, hit.start() - 300) : hit.start()]):
                continue
            if what == "runs what it fetches" and _is_installer(line):
                continue
            yield Command(what, _how_bad(what, says, line), hit.group()[:200], cut.count("\n", 0, hit.start()) + 1)
            break


def _is_installer(line: str) -> bool:
    return bool(_INSTALLERS.search(line)) and not _SECRETLY.search(line)


def _how_bad(what: str, says: FileVerdict, line: str) -> FileVerdict:
    """A script that an address over TLS gives is what many tools are installed by, though a stranger's still is one."""
    if what != "runs what it fetches" or _SECRETLY.search(line):
        return says
    hosts = re.findall(r"(https?)://([^/\s\"'`)]+)", line)
    strange = any(scheme == "http" or re.fullmatch(r"[\d.:\[\]]+", host) for scheme, host in hosts)
    return says if strange or not hosts else "suspicious"
