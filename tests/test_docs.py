"""The README keeps up with the code."""

import re
from dataclasses import fields
from pathlib import Path

from qa.cli import cli
from qa.settings import Settings

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")


def test_every_setting_stands_in_the_table_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `(QA_\w+)` \| `([^`]*)` \|", README, re.MULTILINE))
    assert rows == {f"QA_{f.name.upper()}": str(getattr(Settings(), f.name)) for f in fields(Settings)}


def test_every_command_is_shown() -> None:
    names = [command.name or command.callback.__name__ for command in cli.registered_commands if command.callback]
    assert sorted(names) == sorted(set(re.findall(r"^    qa (\w+)", README, re.MULTILINE)))


def test_the_readme_is_short_and_its_files_exist() -> None:
    assert README.count("\n") < 150
    assert all((ROOT / path).exists() for path in re.findall(r"\]\(((?!http)[^)#]+)\)", README))
    assert all((ROOT / path).exists() for path in re.findall(r"`(qa/[\w/.]+)`", README))
