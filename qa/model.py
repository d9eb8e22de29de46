"""The reader's weights and the basis of its word vectors: fitted for one encoder, kept in a folder of two files."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from qa.encoder import DEFAULT, Vectors
from qa.errors import StoreError
from qa.words import random_basis

BUNDLED = Path(__file__).parent / "models"
WEIGHTS, BASIS = "weights.json", "basis.npy"
INT8 = ":int8"  # ends the fingerprint of an encoder in 8 bits, whose vectors are near enough for the same weights


@dataclass(frozen=True, slots=True)
class Model:
    """Linear weights by the names in features.py, logistic ones with an "intercept", and the word vectors' basis."""

    sentence: Mapping[str, float]
    gate: Mapping[str, float]
    right: Mapping[str, float]
    basis: Vectors = field(repr=False)  # shape (dimension, word dimension)
    encoder: str = ""  # the fingerprint of the encoder that it was fitted for

    @classmethod
    def load(cls, folder: Path) -> "Model":
        """The model that was saved in a folder; raises StoreError where it is damaged."""
        try:
            weights = json.loads((folder / WEIGHTS).read_text("utf-8"))
            return cls(basis=np.load(folder / BASIS, allow_pickle=False), **weights)
        except (OSError, ValueError, TypeError) as error:
            raise StoreError(f"the reader's model in {folder} is damaged: delete it, or run `qa calibrate`") from error

    def save(self, folder: Path) -> None:
        """Keep the model in a folder, which is made if it isn't there; raises StoreError where that can't be done."""
        weights = {name: value for name, value in asdict(self).items() if name != "basis"}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            np.save(folder / BASIS, self.basis)
            (folder / WEIGHTS).write_text(json.dumps(weights, indent=1) + "\n", "utf-8")
        except OSError as error:
            raise StoreError(f"the reader's model can't be written to {folder} ({error.strerror})") from error


def model_for(encoder: str, dimension: int, calibrated: Path | None = None) -> Model:
    """The model for an encoder's fingerprint: the user's own calibration, the bundled one, or that with another basis.

    For an encoder that nobody has calibrated, the weights of the default encoder apply with a random basis: answers
    are chosen well enough, but their confidence is only a guess until `qa calibrate` has fitted it.
    """
    folders = ([calibrated] if calibrated is not None else []) + [BUNDLED / DEFAULT]
    for folder in folders:
        if (folder / WEIGHTS).is_file() and (model := Model.load(folder)).encoder == encoder.removesuffix(INT8):
            return model
    bundled = Model.load(BUNDLED / DEFAULT)
    return Model(bundled.sentence, bundled.gate, bundled.right, random_basis(dimension), encoder)
