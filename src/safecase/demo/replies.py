"""What the demo bot does with a question: look it up, ask the model, and guard both ends where its settings say so."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from safecase.demo.guards import carried, reads_as_instruction
from safecase.demo.loopback import RequestError
from safecase.demo.retrieval import Hit, Library, read_library
from safecase.errors import CollectError
from safecase.vocabulary import Noun

MOST_PROMPT = 20_000
PASSED_ON = ("max_tokens", "temperature", "top_p", "seed", "stop")
"""What of a client's request reaches the model as it is."""

Ask = Callable[[dict[str, Any]], tuple[str, str]]
"""A request to the model; gives the model's name and its text."""


class Settings(Noun, frozen=True):
    """`bot.yaml`: a hardened bot is the same code with other settings."""

    name: str
    auth: Literal["none", "key"] = "none"
    """`key`: every route but /health wants the key that the environment holds."""
    passages: int = 2
    """How many sections of the documents are put before the model."""
    marked: bool = False
    """Documents and the customer's text stand in marks, and the client's own system messages are left out."""
    grounded: bool = False
    """No fitting document, no answer; and the document's own words stand in each answer."""
    refuse_instructions: bool = False
    filter: bool = False
    """Sentences of the model that the documents do not carry are dropped."""
    max_input: int = 0
    """Characters of one question; 0 is no limit. Likewise for the tokens of a reply."""
    max_tokens: int = 0
    least_covered: float = 0.4
    """How much of a question a document must speak of to be fitting."""
    refusal: str = "I can only help with questions about our shop."
    introduction: str = ""
    """Stands under the first answer of a conversation: it tells who answers."""


class Answer(Noun, frozen=True):
    """A reply, and what wrote it."""

    model: str
    text: str


class Bot:
    """The bot of one service folder. `ask` reaches the model."""

    def __init__(self, settings: Settings, prompt: str, library: Library, ask: Ask, *, staff_code: str = "") -> None:
        self.settings = settings
        self._prompt = prompt
        self._library = library
        self._ask = ask
        self._staff_code = staff_code

    def answer(self, messages: list[dict[str, str]], request: Mapping[str, Any]) -> Answer:
        """Answer the last thing that the customer said; raises RequestError."""
        said = self._answer(messages, request)
        if not self.settings.introduction or any(message["role"] == "assistant" for message in messages):
            return said
        return Answer(model=said.model, text=f"{said.text}\n\n{self.settings.introduction}")

    def _answer(self, messages: list[dict[str, str]], request: Mapping[str, Any]) -> Answer:
        wanted = self.settings
        question = next((m["content"] for m in reversed(messages) if m["role"] == "user"), "")
        if not question.strip():
            raise RequestError(400, "a message of the user is wanted")
        if wanted.max_input and len(question) > wanted.max_input:
            raise RequestError(413, f"a question has at most {wanted.max_input} characters")
        if self._staff_code and _is_among(self._staff_code, question):
            # The code is compared here and stands in no prompt: what the model does not know it cannot tell.
            return self._own("Your staff discount is noted for this booking.")
        if wanted.refuse_instructions and reads_as_instruction(question):
            return self._own(wanted.refusal)
        hits = self._library.find(question, wanted.passages)
        if wanted.grounded:
            return self._grounded(question, [h for h in hits if h.covered >= wanted.least_covered], request)
        name, text = self._ask(self._request([{"role": "system", "content": self._system(hits)}, *messages], request))
        return Answer(model=f"{wanted.name}/{name}", text=self._filtered(text, hits))

    def _grounded(self, question: str, hits: list[Hit], request: Mapping[str, Any]) -> Answer:
        if not hits:
            return self._own(self.settings.refusal)
        asked = f"<question>{_unmarked(question)}</question>" if self.settings.marked else question
        chat = [{"role": "system", "content": self._system(hits)}, {"role": "user", "content": asked}]
        name, text = self._ask(self._request(chat, request))
        best = hits[0].section
        said = f"{self._filtered(text, hits)}\n\nFrom our page “{best.title}”: {best.text}".strip()
        return Answer(model=f"{self.settings.name}/{name}", text=said)

    def _own(self, text: str) -> Answer:
        return Answer(model=f"{self.settings.name}/rules", text=text)

    def _filtered(self, text: str, hits: list[Hit]) -> str:
        return carried(text, [hit.section for hit in hits]) if self.settings.filter else text

    def _system(self, hits: list[Hit]) -> str:
        if self.settings.marked:
            found = "\n".join(f'<document name="{h.section.source}">{h.section.text}</document>' for h in hits)
        else:
            found = "\n".join(hit.section.text for hit in hits)
        return f"{self._prompt}\n\n{found}" if found else self._prompt

    def _request(self, messages: list[dict[str, str]], request: Mapping[str, Any]) -> dict[str, Any]:
        passed = {key: request[key] for key in PASSED_ON if request.get(key) is not None}
        most = self.settings.max_tokens
        if most:
            asked = passed.get("max_tokens")
            passed["max_tokens"] = min(asked, most) if isinstance(asked, int) and asked > 0 else most
        return {"messages": messages, **passed}


def _is_among(secret: str, text: str) -> bool:
    found = False
    for word in text.split():
        found |= hmac.compare_digest(word.strip(".,;:!?\"'()").encode("utf-8", "replace"), secret.encode())
    return found


def _unmarked(text: str) -> str:
    return text.replace("<", "‹").replace(">", "›")


def read_bot(folder: Path, ask: Ask, *, staff_code: str = "") -> Bot:
    """Read a service's folder: `bot.yaml`, `prompts/system.md` and `documents/*.md`."""
    import yaml

    try:
        settings = msgspec.convert(yaml.safe_load((folder / "bot.yaml").read_text("utf-8")), Settings)
        prompt = (folder / "prompts" / "system.md").read_text("utf-8").strip()[:MOST_PROMPT]
    except (OSError, UnicodeDecodeError, yaml.YAMLError, msgspec.ValidationError) as why:
        raise CollectError(f"the bot's folder cannot be read: {why}", mend="run `safecase demo` again") from why
    return Bot(settings, prompt, read_library(folder / "documents"), ask, staff_code=staff_code)
