"""docs/explain.md: its commands print what the page shows, and its table has every option."""

import re
import shlex
from pathlib import Path

import pytest
import typer

from backproof.cli import app, main

PAGE = (Path(__file__).parents[2] / "docs" / "explain.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```console\n\$ (.*?)\n```.*?```\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.mark.parametrize(("line", "shown"), EXAMPLES)
def test_the_commands_of_the_page_print_what_it_shows(line, shown, capsys):
    assert main(shlex.split(line)[1:]) == 0
    printed = capsys.readouterr().out
    # Libraries of other platforms may round the last bit elsewhere; all that is shown is of six digits.
    said, shown = (
        re.sub(r"within \d+ ulps?|equal to the last bit", "near", text) for text in (printed, shown)
    )
    assert shown in said


def test_there_are_two_examples():
    assert len(EXAMPLES) == 2


def test_the_table_has_every_option():
    table = PAGE.partition("## What can be chosen")[2]
    command = typer.main.get_command(app).commands["explain"]
    options = {name for parameter in command.params for name in parameter.opts} - {"--help"}
    named = set(
        re.findall(r"--[a-z-]+", "".join(row.split("|")[1] for row in table.splitlines() if "| `" in row))
    )
    assert named == options
