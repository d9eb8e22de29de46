"""One contender in a process of its own: `worker.py NAME build TEXTS FOLDER`, or `worker.py NAME answer FOLDER`.

`answer` reads questions, one a line as JSON, and writes the ids found and the milliseconds taken. Both tasks end with
the peak resident memory of the largest process and the CPU seconds of all, or with an error. Whatever libraries print
goes to standard error.
"""

import importlib
import json
import os
import resource
import sys
import time
import traceback
from pathlib import Path
from typing import IO


def main(output: IO[str], name: str, task: str, *paths: str) -> None:
    """Run one task with the module `with_NAME`, which has `build(texts, folder)` and `searcher(folder)`."""
    contender = importlib.import_module(f"with_{name}")
    if task == "build":
        texts, folder = map(Path, paths)
        contender.build(json.loads(texts.read_text("utf-8")), folder)
    else:
        find = contender.searcher(Path(paths[0]))
        for line in sys.stdin:
            question = json.loads(line)
            begin = time.perf_counter()
            ids = find(question)
            took = time.perf_counter() - begin
            print(json.dumps({"ids": ids, "ms": 1000 * took}), file=output, flush=True)
    own, ended = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    cpu_s = sum(used.ru_utime + used.ru_stime for used in (own, ended))
    end = {"peak_mb": max(own.ru_maxrss, ended.ru_maxrss) / 1024, "cpu_s": cpu_s}
    print(json.dumps(end), file=output, flush=True)


if __name__ == "__main__":
    pipe = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    try:
        main(pipe, *sys.argv[1:])
    except Exception:
        print(json.dumps({"error": traceback.format_exc()}), file=pipe, flush=True)
