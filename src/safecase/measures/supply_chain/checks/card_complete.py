"""`card.complete`: each model has a card that tells its purpose, its limits and what it was made of."""

from __future__ import annotations

from collections.abc import Iterator

from safecase.checks import Context, check
from safecase.errors import CollectError
from safecase.readers.model_cards import MOST_BYTES, read_card, tells
from safecase.readers.text import shown
from safecase.service.schema import ModelBlock
from safecase.service.subjects import Service
from safecase.vocabulary import Finding, Place


@check("card.complete", control="SC-06", severity="low", reads=("models",), files=("models.card",))
def card_complete(service: Service, ctx: Context) -> Iterator[Finding]:
    """Each model has a card that tells its licence, use, limits, training data, evaluation and a contact.

    ## Why it matters
    Whoever puts a model to a new use decides by what is written down: a model that was tested on adults, in one
    language, on last year's products fails quietly elsewhere. Without a card that knowledge leaves with the person who
    had it, and a provider cannot tell its users what the law asks it to tell.

    ## How it is checked
    For each entry of `models:` the Markdown file under `card` is read: headings, and the YAML in front. Six topics must
    be there, under the words that people use for them (limits also as limitations, risks, caveats or out of scope):
    licence, intended use, limits, training data, evaluation, contact. A topic may be a section, a bold label with text
    behind it, or a key in front (`license`, `datasets`, `model-index`). A section whose text is empty, commented out or
    a placeholder ("TBD", "More Information Needed") counts as missing. Models without a card fail, also those of a
    provider: write down there what you rely on, and where the provider says it.

    Whether what the card says is true is not checked.

    ## How to mend it
    Start from the topics above, one heading each, and let the people who trained or chose the model write two
    sentences below each. Name the file under `models[].card`.

    ## References
    AML.M0023 (ATLAS 5.6.0); NIST AI RMF MAP 2.2; ISO/IEC 42001 A.6.2.7; EU AI Act Art. 13 and 53(1)(b).
    """
    if not ctx.manifest.models:
        yield card_complete.unknown(
            service, "no model is declared", place=ctx.place("models"), mend="list the models under models:"
        )
    for index, model in enumerate(ctx.manifest.models):
        yield from _of_model(service, ctx, model, index)


def _of_model(service: Service, ctx: Context, model: ModelBlock, index: int) -> Iterator[Finding]:
    place = ctx.place(f"models.{index}.card")
    if not model.card:
        yield card_complete.failed(
            service,
            f"{model.id} has no card",
            rule="none",
            key=model.id,
            place=ctx.place(f"models.{index}"),
            mend="write a card, and name it under models[].card",
        )
        return
    if "://" in model.card:
        message = f"the card of {model.id} lies elsewhere, and was not read"
        yield card_complete.unknown(
            service, message, rule="elsewhere", key=model.id, place=place, mend="keep a copy in the repository"
        )
        return
    try:
        with ctx.path(model.card).open("rb") as file:
            card = read_card(file.read(MOST_BYTES + 1), model.card)
    except OSError as why:
        message = f"the card of {model.id}, {shown(model.card)}, cannot be read: {why.strerror}"
        mend = "correct models[].card, or write the card"
        yield card_complete.failed(service, message, rule="none", key=model.id, place=place, mend=mend)
        return
    except CollectError as why:
        yield card_complete.unknown(service, why.message, rule="unread", key=model.id, place=place, mend=why.mend)
        return
    told = list(tells(card))
    for one in told:
        if not one.says:
            what = "says nothing under" if one.place else "has no section for"
            yield card_complete.failed(
                service,
                f"the card of {model.id} {what} {one.topic}",
                rule=one.topic.replace(" ", "-"),
                key=model.id,
                place=one.place or Place(file=model.card, line=1),
                mend=f"write what is known of its {one.topic}, and what is not",
            )
    if all(one.says for one in told):
        message = f"the card of {model.id} tells {', '.join(one.topic for one in told)}"
        yield card_complete.passed(service, message, key=model.id, place=Place(file=model.card, line=1))
