"""`relay completion`: the script that lets a shell complete verbs, options and the choices of options."""

from __future__ import annotations

import click

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_RELAY_COMPLETE"  # how the script asks `relay` itself


@click.command
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print the completion of a shell.

    A package puts it where the shell looks by itself; `eval "$(relay completion bash)"` tries it out.
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None
    words = {"complete_func": "_relay_completion", "complete_var": VARIABLE, "prog_name": "relay"}
    click.echo(kind.source_template % words)


def answer(instruction: str) -> int:
    """What the script asked for, such as bash_complete. Returns the exit code."""
    from click.shell_completion import shell_complete

    from relay.cli.verbs import relay

    return shell_complete(relay, {}, "relay", VARIABLE, instruction)
