"""`qa feedback`."""

import csv
import sys
from pathlib import Path

from qa.cli.console import harmless
from qa.errors import SettingsError
from qa.settings import Settings


def feedback() -> None:
    """Print what visitors said of answers, as CSV."""
    from qa.web.feedback import Feedback, Row

    settings = Settings.from_environment()
    if not settings.feedback:
        raise SettingsError("no feedback is kept: set QA_FEEDBACK to the file for it")
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(Row._fields)
    writer.writerows(map(harmless, row) for row in Feedback(Path(settings.feedback)).rows())
