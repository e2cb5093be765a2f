"""`mailfleet completion`: the line a shell needs to complete our commands."""

import click

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
def completion(*, shell: str) -> None:
    """Prints the completion script; for bash: eval "$(mailfleet completion bash)"."""
    from click.shell_completion import get_completion_class

    from collector.cli.root import root

    kind = get_completion_class(shell)
    assert kind is not None, shell
    click.echo(kind(root, {}, "mailfleet", "_MAILFLEET_COMPLETE").source())
