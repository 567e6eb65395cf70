"""What to ask a person about a drafted manifest: the questions whose answers decide most of the catalogue, first."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from safecase.catalogue.predicates import Facts, Predicate, compiled
from safecase.catalogue.read import catalogue
from safecase.service.facts import facts_by_key
from safecase.service.read import ServiceDescription
from safecase.vocabulary import Control, Fact, Noun, Threat


class Choice(Noun, frozen=True):
    """An answer in words, and the value that it stands for; None leaves it open."""

    words: str
    value: Any = None  # what YAML can hold


class Question(Noun, frozen=True):
    """A plain sentence about one key of the manifest."""

    key: str
    text: str
    choices: tuple[Choice, ...]
    several: bool = False


def _of(*pairs: tuple[str, Any]) -> tuple[Choice, ...]:
    return tuple(Choice(words=words, value=value) for words, value in pairs)


_YES_NO = _of(("yes", True), ("no", False))

QUESTIONS: tuple[Question, ...] = (
    Question(
        key="ai.kind", several=True, text="Which kinds of AI is it made of?",
        choices=_of(
            ("a language model", "llm"), ("one that sees images", "vlm"), ("it makes images", "image_gen"),
            ("it makes speech", "speech_gen"), ("it understands speech", "speech"),
            ("it predicts from tables", "tabular"),
            ("it recognises images", "vision"), ("forecasts over time", "timeseries"), ("recommendations", "recsys"),
            ("other sequences or texts", "sequence"), ("there is no AI in it", "none"),
        ),
    ),
    Question(
        key="deployment.hosting", text="Where does the model run?",
        choices=_of(
            ("at a provider, over its API", "saas_api"), ("on machines of a cloud, managed by it", "managed_cloud"),
            ("on our own servers", "self_hosted"), ("on devices in the hands of others", "edge"),
        ),
    ),
    Question(
        key="deployment.exposure", text="Who can reach it?",
        choices=_of(
            ("anybody", "public"), ("people who log in", "authenticated"), ("our own network only", "internal"),
            ("nobody over a network", "isolated"), ("who stands in front of it", "physical"),
        ),
    ),
    Question(
        key="tools", text="Can the model call tools: functions, programs, other services?",
        choices=_of(("no", ()), ("yes, I will list them under tools:", None)),
    ),
    Question(
        key="models.training", text="Did you train or fine-tune its models?",
        choices=_of(
            ("no", "none"), ("fine-tuned", "finetuned"), ("trained from our own data", "own"),
            ("it learns while it runs", "online"), ("trained on many devices (federated)", "federated"),
        ),
    ),
    Question(
        key="models.origin", text="Where do its models come from?",
        choices=_of(
            ("a provider's API", "provider"), ("a public hub", "hub"), ("a vendor", "vendor"), ("ours", "own"),
            ("its users bring them", "users"),
        ),
    ),
    Question(
        key="service.domain", text="Is it used for one of these?",
        choices=_of(
            ("none of them", "other"), ("hiring people", "employment.recruitment"),
            ("managing staff", "employment.management"), ("admission to education", "education.admission"),
            ("grading or proctoring", "education.assessment"), ("credit", "credit"),
            ("life or health insurance", "insurance.health"), ("public benefits", "benefits.public"),
            ("a medical device", "health.device"), ("a machine or a vehicle", "machinery"),
            ("recognising people or emotions", "biometrics.identification"),
            ("police, border or courts", "law_enforcement"),
            ("power, water, traffic", "infrastructure.digital"), ("a general-purpose model that we offer", "gpai"),
        ),
    ),
    Question(
        key="data.classes", several=True, text="Which data does it handle?",
        choices=_of(
            ("public", "public"), ("of the company", "operational"), ("about people", "personal"),
            ("health, religion and the like", "special"), ("faces, voices, fingerprints", "biometric"),
            ("payments and accounts", "financial"), ("passwords and keys", "credentials"), ("secret", "secret"),
        ),
    ),
    Question(
        key="service.decision.effect", text="What does a result of it do to a person at the most?",
        choices=_of(
            ("nothing", "none"), ("it advises", "advisory"), ("it costs or gives something that matters", "material"),
            ("a legal effect", "legal"), ("it may hurt somebody", "safety"),
        ),
    ),
    Question(key="service.decision.about_people", text="Are its results about natural persons?", choices=_YES_NO),
    Question(
        key="service.decision.automation", text="Who decides in the end?",
        choices=_of(
            ("a person, each time", "human_in_loop"), ("it does, and a person watches", "human_on_loop"),
            ("it does", "full"),
        ),
    ),
    Question(
        key="service.jurisdictions", several=True, text="Where is it offered, or are its results used?",
        choices=_of(
            ("European Union", "EU"), ("United States", "US"), ("California", "US-CA"), ("Colorado", "US-CO"),
            ("United Kingdom", "UK"), ("Switzerland", "CH"), ("South Korea", "KR"), ("Japan", "JP"), ("China", "CN"),
            ("elsewhere", "other"),
        ),
    ),
    Question(
        key="service.role", text="Do you make it, or use what another makes?",
        choices=_of(("we make it (provider)", "provider"), ("we use it (deployer)", "deployer"), ("both", "both")),
    ),
    Question(
        key="rag.sources", several=True, text="Who writes the documents that it looks up?",
        choices=_of(
            ("it looks up none", ()), ("our own people", "internal"), ("partners", "partner"), ("anybody", "untrusted"),
        ),
    ),
    Question(
        key="outputs.to", several=True, text="Where do its answers go?",
        choices=_of(
            ("a person reads them", "human"), ("a web page", "html"), ("a database query", "sql"), ("a shell", "shell"),
            ("code", "code"), ("another program", "api"), ("a machine that moves", "actuator"),
        ),
    ),
    Question(
        key="deployment.untrusted_documents", text="Do documents or pages that strangers wrote reach the model?",
        choices=_YES_NO,
    ),
    Question(key="datasets", text="Is there a data set that trains or tests it?",
             choices=_of(("no", ()), ("yes, I will list it under datasets:", None))),
    Question(
        key="datasets.classes", several=True, text="What is in the data that trains or tests it?",
        choices=_of(
            ("public", "public"), ("of the company", "operational"), ("about people", "personal"),
            ("health, religion and the like", "special"), ("faces, voices, fingerprints", "biometric"),
            ("payments and accounts", "financial"),
        ),
    ),
    Question(
        key="service.stage", text="How far is it?",
        choices=_of(
            ("designed", "design"), ("being built", "build"), ("being tested", "test"), ("in use", "production"),
            ("retired", "retired"),
        ),
    ),
    Question(
        key="service.criticality", text="What if it fails for a day?",
        choices=_of(
            ("nobody would notice", 1), ("a nuisance", 2), ("work stops", 3), ("great damage", 4),
            ("life or existence is at stake", 5),
        ),
    ),
    Question(
        key="service.users.who", several=True, text="Who uses it?",
        choices=_of(
            ("our staff", "staff"), ("consumers", "consumers"), ("everybody", "public"), ("businesses", "businesses"),
        ),
    ),
    Question(
        key="ai.autonomy", text="How long does it act without a person?",
        choices=_of(
            ("it answers only", 0), ("one step", 1), ("a few steps", 2), ("hours", 3), ("days", 4),
        ),
    ),
    Question(
        key="memory.kind", text="What does it remember?",
        choices=_of(("nothing", "none"), ("the conversation", "session"), ("beyond a session", "persistent")),
    ),
    Question(key="models.weights_secret", text="Must its weights stay secret?", choices=_YES_NO),
    Question(
        key="deployment.tenancy", text="Does one installation serve several customers?",
        choices=_of(("one", "single"), ("several", "multi")),
    ),
    Question(key="deployment.physical", text="Does it sense or move things in the world?", choices=_YES_NO),
    Question(
        key="deployment.update", text="How does a new version get there?",
        choices=_of(("not at all", "none"), ("over the air to devices", "ota"), ("by a pipeline", "ci")),
    ),
)  # fmt: skip


def next_question(
    service: ServiceDescription, discovered: Mapping[str, int], asked: Collection[str]
) -> tuple[Question, int] | None:
    """Give the question whose answer would decide most rows, and about how many; None where none decides any."""
    known = dict(facts_by_key(service.facts, _discovered(discovered)))
    rows = _rows()
    derived = catalogue().derived
    facts = Facts(known, derived)
    outcomes = [(row, row(facts)) for row in rows]
    still_open = [(row, outcome.missing) for row, outcome in outcomes if outcome.value is None]
    best: tuple[float, Question] | None = None
    for question in QUESTIONS:
        if question.key in asked or _is_said(question.key, known) or _is_of_nothing(question.key, known):
            continue
        if not any(question.key in missing for _, missing in still_open):
            continue
        decided = _decided(question, known, derived, [row for row, _ in still_open])
        if decided and (best is None or decided > best[0]):
            best = (decided, question)
    return (best[1], max(1, round(best[0]))) if best else None


def _is_of_nothing(key: str, known: Mapping[str, Fact]) -> bool:
    """Say whether a question is about the blocks of a list that has none: the list itself is asked for first."""
    parent = key.rpartition(".")[0]
    return parent in ("datasets", "tools") and parent not in known


def _is_said(key: str, known: Mapping[str, Fact]) -> bool:
    fact = known.get(key)
    if fact is None:
        return False
    return not (isinstance(fact.value, tuple) and None in fact.value)


def _decided(
    question: Question, known: Mapping[str, Fact], derived: Mapping[str, Predicate], rows: Sequence[Predicate]
) -> float:
    """Give how many rows an answer decides, on the average."""
    values = [choice.value for choice in question.choices if choice.value is not None]
    count = 0
    for value in values:
        listed = value if isinstance(value, tuple) else (value,) if question.several else value
        facts = Facts({**known, question.key: Fact(key=question.key, value=listed)}, derived)
        count += sum(row(facts).value is not None for row in rows)
    return count / max(len(values), 1)


def _whens(rows: Mapping[str, Control] | Mapping[str, Threat]) -> Iterator[str]:
    return (row.when for row in rows.values())


def _rows() -> list[Predicate]:
    rows = catalogue()
    return [compiled(when) for when in (*_whens(rows.controls), *_whens(rows.threats))]


def _discovered(counts: Mapping[str, int]) -> list[Fact]:
    return [Fact(key=key, value=value, origin="discovered") for key, value in counts.items()]
