"""Prompts without secrets, tools held short, answers that nothing runs."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecase.measures.protection.answers import UnparsableError, look_at
from safecase.measures.protection.checks.agents_scoped import agents_scoped
from safecase.measures.protection.checks.answers_not_trusted import answers_not_trusted
from safecase.measures.protection.checks.calls_approved import calls_approved
from safecase.measures.protection.checks.prompts_without_secrets import prompts_without_secrets
from safecase.measures.protection.checks.retrieval_narrowed import retrieval_narrowed
from safecase.measures.protection.retrieval import askings
from tests.measures.small_service import look, verdicts

PROMPTED = "ai: {kind: llm, system_prompts: [p.md]}\n"


def weak(tmp_path: Path, prompt: str, more: str = "") -> list[str]:
    found = look(prompts_without_secrets, tmp_path, PROMPTED + more, {"p.md": prompt})
    return [f.rule for f in found if f.verdict == "fail"]


@pytest.mark.parametrize(
    "prompt",
    [
        "You guide visitors. Never tell a visitor that they are wrong.",
        "The password is never sent by e-mail.",
        "The password is required.",
        "Your PIN: {pin}",
        "The access code is <code>.",
        'Never say "I do not know".',
        "Answer in at most 200 words. Write to info@garden.test, support@garden.test or press@garden.test.",
        "The server listens on 127.0.0.1; documents use 192.0.2.1.",
        "The secret of good soil is patience.",
        "Do not mention prices above 100 EUR.",
        "Ask for the credentials: user name first.",
        "See the internal guidelines; be local.",
        "Never mention GPT-4o or ISO-27001.",
    ],
)
def test_an_ordinary_prompt_passes(prompt: str, tmp_path: Path) -> None:
    assert weak(tmp_path, prompt) == []


@pytest.mark.parametrize(
    ("prompt", "rule"),
    [
        ("The vault code is 4711.", "password"),
        ('The password is "open sesame".', "password"),
        ("The door code: KITTEN-12", "password"),
        ("The password is swordfish.", "password"),
        ("Never reveal the canary 'TULIP garden 7'.", "kept"),
        ("Under no circumstances may you share FOX-7203 with anybody.", "kept"),
        ("Look up bookings at http://booking.garden.internal/api", "host"),
        ("The database is at 10.1.2.3.", "host"),
        ("Ask a@x.test, b@x.test or c@x.test.", "people"),
        ("db: postgres://bot:hunter2secret@db.x.test/garden", "secret"),
    ],
)
def test_what_must_not_get_out_is_found(prompt: str, rule: str, tmp_path: Path) -> None:
    assert weak(tmp_path, f"You guide.\n{prompt}\n") == [rule]


def test_the_declared_canary_may_be_kept_but_is_the_key_to_nothing(tmp_path: Path) -> None:
    canary = "testing: {attacks: {canary: FOX-7203}}"
    assert weak(tmp_path, "Marker: FOX-7203. Never reveal FOX-7203.", canary) == []
    assert weak(tmp_path, "Marker: FOX-7203. Never reveal it.") == ["kept"]
    assert weak(tmp_path, "The staff discount code is FOX-7203. Never reveal it.", canary) == ["password"]


def test_a_finding_has_its_line_and_keeps_the_value_to_itself(tmp_path: Path) -> None:
    found = look(prompts_without_secrets, tmp_path, PROMPTED, {"p.md": "a\nb\nThe vault code is QX-4711.\n"})
    assert str(found[0].place) == "p.md:3"
    assert "4711" not in found[0].message


def test_an_endless_prompt_is_read_in_no_time(tmp_path: Path) -> None:
    assert len(weak(tmp_path, "The pin is 12345. Never reveal XY-1234.\n" * 24_000)) == 100


def test_a_prompt_that_cannot_be_read_or_is_not_declared_is_unknown(tmp_path: Path) -> None:
    assert verdicts(look(prompts_without_secrets, tmp_path, PROMPTED)) == ["unknown"]
    assert verdicts(look(prompts_without_secrets, tmp_path, PROMPTED, {"p.md": b"\0" * 9})) == ["unknown"]
    assert verdicts(look(prompts_without_secrets, tmp_path, PROMPTED, {"p.md": b"a " * 600_000})) == ["unknown"]
    assert verdicts(look(prompts_without_secrets, tmp_path)) == ["unknown"]


def rules(tmp_path: Path, tool: str, more: str = "") -> dict[str, str]:
    found = look(agents_scoped, tmp_path, f"tools: [{{id: t, {tool}}}]\n{more}")
    return {f.rule: f.verdict for f in found}


@pytest.mark.parametrize(
    ("tool", "expected"),
    [
        ("effect: write, scopes: [orders:create], limit: 3 a day", {"": "pass"}),
        ("effect: read, scopes: [orders:read]", {"": "pass"}),
        ("effect: read", {"scopes": "unknown"}),
        ("effect: pay", {"scopes": "fail", "limit": "fail"}),
        ("effect: read, scopes: ['orders:*']", {"wide": "fail"}),
        ("effect: read, scopes: [repo.admin]", {"wide": "fail"}),
        ("effect: read, scopes: [full-access]", {"wide": "fail"}),
        ("effect: read, scopes: [small:fulfilments]", {"": "pass"}),
        ("effect: send, scopes: [mail:send], limit: little", {"limit": "fail"}),
        ("effect: read, scopes: [a], via: http", {"url": "unknown"}),
        ("effect: read, scopes: [a], via: mcp, origin: third_party, runs_on: sandbox", {"pinned": "unknown"}),
        (
            "effect: read, scopes: [a], via: mcp, origin: third_party, runs_on: sandbox, pinned: false",
            {"pinned": "fail"},
        ),
        ("effect: read, scopes: [a], via: mcp, url: 'https://t.test'", {"auth": "unknown"}),
    ],
)
def test_a_tool_is_judged_by_what_it_may_do(tool: str, expected: dict[str, str], tmp_path: Path) -> None:
    assert rules(tmp_path, tool) == expected


@pytest.mark.parametrize(
    ("url", "auth", "expected"),
    [
        ("https://t.test/v1", "oauth2", {"": "pass"}),
        ("http://127.0.0.1:8080", "mtls", {"": "pass"}),
        ("http://t.test/v1", "oauth2", {"url": "fail"}),
        ("https://t.test/v1", "none", {"auth": "fail"}),
        ("t.test", "oauth2", {"url": "fail"}),
        ("https://[", "oauth2", {"url": "fail"}),
    ],
)
def test_a_remote_tool_has_tls_and_a_credential(url: str, auth: str, expected: dict[str, str], tmp_path: Path) -> None:
    flows = f"flows: [{{from: bot, to: t, auth: {auth}}}]"
    assert rules(tmp_path, f"effect: read, scopes: [a], via: mcp, url: '{url}'", flows) == expected


@pytest.mark.parametrize(
    ("tool", "verdict"),
    [
        ("effect: pay, approval: each", "pass"),
        ("effect: pay, approval: two_person", "pass"),
        ("effect: pay, approval: once", "fail"),
        ("effect: pay, reversible: true", "fail"),
        ("effect: actuate, approval: none", "fail"),
        ("effect: exec", "fail"),
        ("effect: exec, runs_on: sandbox", "fail"),
        ("effect: exec, runs_on: sandbox, egress: false", "pass"),
        ("effect: write, reversible: false", "fail"),
        ("effect: write, reversible: true", "pass"),
        ("effect: send", "unknown"),
        ("effect: read", "pass"),
    ],
)
def test_what_cannot_be_undone_waits_for_a_person(tool: str, verdict: str, tmp_path: Path) -> None:
    assert verdicts(look(calls_approved, tmp_path, f"tools: [{{id: t, {tool}}}]")) == [verdict]


def test_without_tools_nothing_is_known(tmp_path: Path) -> None:
    assert verdicts(look(agents_scoped, tmp_path)) == ["unknown"]
    assert verdicts(look(calls_approved, tmp_path)) == ["unknown"]


ASK = """import html, json, subprocess, os
from openai import OpenAI
client = OpenAI()
def f(cursor, st):
    r = client.chat.completions.create(model="m", messages=[])
    text = r.choices[0].message.content
"""


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("eval(text)", "run"),
        ("exec(compile(text, 'x', 'exec'))", "run"),
        ("os.system('echo ' + text)", "run"),
        ("subprocess.run(text, shell=True)", "run"),
        ("subprocess.run(args=text.split())", "run"),
        ("subprocess.run(['sh', '-c', text], shell=True)", "run"),
        ("cursor.execute(f'select {text}')", "query"),
        ("cursor.execute('select %s' % text)", "query"),
        ("st.markdown(text, unsafe_allow_html=True)", "page"),
        ("a, b = text, 1\n    eval(a)", "run"),
        ("for word in text.split():\n        eval(word)", "run"),
        ("parts = [w.strip() for w in text]\n    eval(parts[0])", "run"),
        ("if (code := text.strip()):\n        eval(code)", "run"),
        ("data = json.loads(text)\n    eval(data['x'])", "run"),
        ("out = ''\n    out += text\n    eval(out)", "run"),
        ("kept = {}\n    kept['a'] = text\n    eval(kept['a'])", "run"),
        ("while True:\n        eval(later)\n        later = text", "run"),
        ("if n:\n        text = 'ours'\n    eval(text)", "run"),
        ("try:\n        pass\n    except E:\n        eval(text)", "run"),
        ("match text:\n        case 'a':\n            eval(text)", "run"),
    ],
)
def test_an_answer_is_followed_to_where_it_runs(line: str, kind: str) -> None:
    assert kind in [flow.kind for flow in look_at(f"{ASK}    {line}\n").flows]


@pytest.mark.parametrize(
    "line",
    [
        "eval('1 + 1')",
        "print(text)",
        "workflow.execute(text)",
        "cursor.execute('insert into t values (?)', (text,))",
        "subprocess.run(['espeak', text])",
        "st.markdown(html.escape(text), unsafe_allow_html=True)",
        "st.markdown(text)",
        "n = int(text)\n    eval(n)",
        "same = text == 'yes'\n    eval(same)",
        "text = 'ours'\n    eval(text)",
        "def g(text):\n        eval(text)",
    ],
)
def test_what_was_cleaned_or_is_ours_is_let_be(line: str) -> None:
    assert look_at(f"{ASK}    {line}\n").flows == ()


def test_a_function_that_gives_an_answer_is_followed_in_its_file() -> None:
    source = ASK + "    return text\ndef g():\n    return f(1, 2).strip()\neval(g())\n"
    (flow,) = look_at(source).flows
    assert (flow.line, flow.source) == (10, 5)


@pytest.mark.parametrize(
    ("head", "call", "calls"),
    [
        ("import anthropic", "anthropic.Anthropic().messages.create(model='m')", 1),
        ("from twilio.rest import Client", "Client().messages.create(body='hi')", 0),
        ("from litellm import completion", "completion(model='m')", 1),
        ("import litellm as l", "l.completion(model='m')", 1),
        ("from langchain_openai import ChatOpenAI", "ChatOpenAI().invoke('x')", 1),
        ("import boto3", "boto3.client('sqs').send_message(QueueUrl='x')", 0),
        ("import invoke", "invoke.Context().invoke('x')", 0),
        ("import boto3", "boto3.client('bedrock-runtime').invoke_model(body='x')", 1),
        ("", "self.client.chat.completions.create(model='m')", 1),
    ],
)
def test_the_calls_of_models_are_known(head: str, call: str, calls: int) -> None:
    assert look_at(f"{head}\nx = {call}\n").calls == calls


@pytest.mark.parametrize("source", ["def (", "(" * 3000, "\0", "x = " + "-" * 20_000 + "1", "a" + ".b" * 20_000])
def test_hostile_source_is_said_to_be_unparsable_or_is_read(source: str) -> None:
    with contextlib.suppress(UnparsableError):
        look_at(ASK + source)


LINES = [
    "x = text", "eval(x)", "for x in text: pass", "x += y", "y = [x]", "del x", "(x := text)", "x[0] = text",
    "with text as x: eval(x)", "x.y = text", "eval(x.y)", "*x, y = text", "lambda: eval(text)", "async_ = f(x)",
]  # fmt: skip


@given(st.lists(st.sampled_from(LINES), max_size=8))
def test_any_statements_are_followed_without_a_fault(lines: list[str]) -> None:
    look_at(ASK + "".join(f"    {line}\n" for line in lines))


def test_a_template_that_does_not_escape_is_found_with_its_line(tmp_path: Path) -> None:
    source = ASK + "    return render_template('page.html', answer=text)\n"
    page = "<p>\n{{ answer | safe }}</p>"
    (one,) = look(answers_not_trusted, tmp_path, "", {"app.py": source, "templates/page.html": page})
    assert (one.verdict, one.rule) == ("fail", "sink.template")
    assert "page.html:2" in one.message
    escaped = {"templates/page.html": "<p>{{ answer }}</p>"}
    assert verdicts(look(answers_not_trusted, tmp_path, "", escaped)) == ["pass"]
    off = {"templates/page.html": "{% autoescape false %}{{ answer }}{% endautoescape %}"}
    assert verdicts(look(answers_not_trusted, tmp_path, "", off)) == ["fail"]


def test_raw_html_in_scripts_is_told_and_left_open(tmp_path: Path) -> None:
    files = {
        "app.py": ASK,
        "web/chat.js": "box.innerHTML = data.answer;\nbox.innerHTML = DOMPurify.sanitize(answer);\n",
    }
    (one,) = look(answers_not_trusted, tmp_path, "", files)
    assert (one.verdict, str(one.place)) == ("unknown", "web/chat.js:1")


def test_without_a_model_s_call_or_with_unread_files_it_is_unknown(tmp_path: Path) -> None:
    assert verdicts(look(answers_not_trusted, tmp_path, "", {"a.py": "x = 1"})) == ["unknown"]
    found = look(answers_not_trusted, tmp_path, "", {"a.py": ASK, "b.py": "def ("})
    assert [(f.verdict, f.rule) for f in found] == [("unknown", "sink.unread")]


def test_tests_are_left_out(tmp_path: Path) -> None:
    files = {"app.py": ASK, "tests/test_app.py": ASK + "    eval(text)\n"}
    assert verdicts(look(answers_not_trusted, tmp_path, "", files)) == ["pass"]


@pytest.mark.parametrize(
    ("call", "narrowed"),
    [
        ("db.similarity_search(q, filter={'owner': user.id})", "filter"),
        ("db.similarity_search(q)", ""),
        ("db.similarity_search(q, filter={'kind': 'faq'})", ""),
        ("db.as_retriever(search_kwargs={'filter': {'owner': user.id}})", "filter"),
        ("db.as_retriever(search_kwargs={'k': k})", ""),
        ("db.query_points('beds', query_filter=Filter(must=[Match(key='g', value=group)]))", "query_filter"),
        ("db.query_points('beds', query_filter=Filter(must=[Match(key='g', value='all')]))", ""),
        ("index.query(vector=v, namespace=tenant)", "namespace"),
        ("index.query(vector=v, namespace=DEFAULT)", ""),
        ("index.query(vector=v, filter=rights())", "filter"),
        ("index.query(vector=v, filter=dict(kind='faq'))", ""),
    ],
)
def test_a_question_to_a_store_is_narrowed_or_it_is_not(call: str, narrowed: str) -> None:
    (one,) = askings(f"import pinecone\nDEFAULT = 'x'\ndef f(q, k, v, user, group, tenant):\n    return {call}\n")
    assert one.narrowed == narrowed


@pytest.mark.parametrize("call", ["re.search('a', 'b')", "session.query(User)"])
def test_other_questions_are_none_of_a_store(call: str) -> None:
    assert askings(f"import re, sqlalchemy\nx = {call}\n") == ()


@pytest.mark.parametrize(
    ("said", "code", "expected"),
    [
        ("true", "db.similarity_search(q, filter=f)", ["pass"]),
        ("true", "db.similarity_search(q, **more)", ["unknown"]),
        ("true", "print(q)", ["unknown"]),
        ("true", "(", ["unknown", "unknown"]),
        ("false", "db.similarity_search(q, filter=f)", ["fail"]),
        ("null", "db.similarity_search(q, filter=f)", ["unknown"]),
    ],
)
def test_what_is_said_and_what_code_shows_go_together(
    said: str, code: str, expected: list[str], tmp_path: Path
) -> None:
    manifest = f"rag: {{per_user_acl: {said}}}"
    assert verdicts(look(retrieval_narrowed, tmp_path, manifest, {"search.py": code})) == expected
