"""`safecase completion`: verbs, options and ids by the tab key."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem, get_completion_class

VARIABLE = "_SAFECASE_COMPLETE"
SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print the script that completes verbs, options and ids in a shell.

    \b
    Install it once:
      bash  safecase completion bash > ~/.local/share/bash-completion/completions/safecase
      zsh   safecase completion zsh > ~/.zfunc/_safecase
            (with `fpath+=~/.zfunc; autoload -Uz compinit; compinit` in ~/.zshrc)
      fish  safecase completion fish > ~/.config/fish/completions/safecase.fish

    Then open a new shell.
    """
    from safecase.cli import app, console

    kind = get_completion_class(shell)
    assert kind is not None  # one of SHELLS, which click knows
    made = kind(app, {}, "safecase", VARIABLE)
    # Not `made.source()`: it starts a bash to ask for its version.
    console.result(made.source_template % made.source_vars() + "\n")


def ids(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the id of a control, a check, a measure, a word or an exit code; no check is imported for it."""
    from safecase.catalogue.read import catalogue
    from safecase.cli.pages import EXIT_CODES, WORDS
    from safecase.export.check_pages import check_pages
    from safecase.vocabulary import MEASURES

    titles: dict[str, str] = {id: control.title for id, control in catalogue().controls.items()}
    titles |= {id: text.partition("\n")[0] for id, text in check_pages().items()}
    titles |= dict.fromkeys(MEASURES, "measure")
    titles |= {**WORDS, **EXIT_CODES}
    wanted = incomplete.lower()
    return [CompletionItem(id, help=title) for id, title in titles.items() if id.lower().startswith(wanted)]
