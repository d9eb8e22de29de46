from pathlib import Path

import pytest

from qa.errors import SettingsError
from qa.settings import Settings


def test_settings_come_from_the_environment_and_blank_ones_are_defaults() -> None:
    found = Settings.from_environment({"QA_PORT": " 80 ", "QA_CORPUS": "texts", "QA_TITLE": " ", "PORT": "1"})
    assert found == Settings(port=80, corpus=Path("texts"))


@pytest.mark.parametrize(
    ("value", "message"), [("many", "QA_PORT is 'many'; give a whole number"), ("70000", "QA_PORT")]
)
def test_a_value_that_cannot_be_used_is_named(value: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Settings.from_environment({"QA_PORT": value})
