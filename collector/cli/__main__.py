"""The entry of `mailfleet`: answers `--version` at once, else hands over to the command tree.

Turns every failure into what, cause and fix on stderr, and into its exit code.
"""

import sys

HELP = ("--help", "-h")


def main() -> None:
    """Exit codes: 0 ok, 1 failed, 2 usage, 3 not found, 4 refused, 5 not allowed, 6 unreachable,
    7 timed out, 8 partly done, 130 interrupted."""
    if sys.argv[1:] == ["--version"]:
        # Importing click alone costs more than the whole answer.
        from collector.version import VERSION

        print("mailfleet", VERSION)
        return
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """One command; its exit code."""
    if not arguments or any(word in HELP for word in arguments):
        from rich_click.patch import patch

        patch()
    import click

    from collector.cli.failure import report
    from collector.cli.root import root

    try:
        answer = root.main(args=arguments, prog_name="mailfleet", standalone_mode=False)
    except click.exceptions.Abort:
        return 130
    except (click.ClickException, OSError) as error:
        return report(error)
    except KeyboardInterrupt:
        return 130
    return answer if isinstance(answer, int) else 0


if __name__ == "__main__":
    main()
