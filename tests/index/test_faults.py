"""Writes that fail, each one of a build and of an update in turn: the index stays as it was, and says why."""

import errno
import os
import shutil
import subprocess
import sys
from contextlib import closing
from ctypes import CDLL
from pathlib import Path

import pytest
from support import WordCountEncoder

from qa import Document
from qa.errors import StoreError
from qa.index import snapshots
from qa.index import update as updating
from qa.index.build import Indexer
from qa.index.local.layered import open_store
from qa.text.terms import Analyzer

SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static long count, first = -1;
static int code, once;

void fault_arm(long at, int error, int only_once) { count = 0; first = at; code = error; once = only_once; }
long fault_count(void) { return count; }

static int fails(int fd) {
    char link[64], path[4096];
    const char *folder = getenv("FAULT_FOLDER");
    if (first < 0 || !folder) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    if (strncmp(path, folder, strlen(folder))) return 0;
    count++;
    if (once ? count != first : count < first) return 0;
    errno = code;
    return 1;
}

#define NEXT(name) ((__typeof__(&name)) dlsym(RTLD_NEXT, #name))
ssize_t write(int fd, const void *b, size_t n) { return fails(fd) ? -1 : NEXT(write)(fd, b, n); }
ssize_t writev(int fd, const struct iovec *v, int n) { return fails(fd) ? -1 : NEXT(writev)(fd, v, n); }
ssize_t pwrite(int fd, const void *b, size_t n, off_t at) { return fails(fd) ? -1 : NEXT(pwrite)(fd, b, n, at); }
ssize_t pwrite64(int fd, const void *b, size_t n, off64_t at) { return fails(fd) ? -1 : NEXT(pwrite64)(fd, b, n, at); }
int ftruncate(int fd, off_t n) { return fails(fd) ? -1 : NEXT(ftruncate)(fd, n); }
int ftruncate64(int fd, off64_t n) { return fails(fd) ? -1 : NEXT(ftruncate64)(fd, n); }
int fsync(int fd) { return fails(fd) ? -1 : NEXT(fsync)(fd); }
int fdatasync(int fd) { return fails(fd) ? -1 : NEXT(fdatasync)(fd); }
size_t fwrite(const void *b, size_t s, size_t n, FILE *f) { return fails(fileno(f)) ? 0 : NEXT(fwrite)(b, s, n, f); }
int fclose(FILE *f) {
    if (!fails(fileno(f))) return NEXT(fclose)(f);
    NEXT(fflush)(f);
    off_t size = lseek(fileno(f), 0, SEEK_END);
    if (size > 0 && NEXT(ftruncate)(fileno(f), size / 2)) return EOF;  /* what was still to be written is lost */
    NEXT(fclose)(f);
    errno = code;
    return EOF;
}
"""
BEFORE = [Document(f"{n}.md", f"Port {n}", f"The port is on river {n}. The baker sells coal.") for n in range(3)]
AFTER = [*BEFORE[1:], Document("new.md", "New", "The coal came by the river.")]
MOST = 1000  # passages


def update(index: Path, documents: list[Document]) -> Path:
    folder, _ = updating.update(documents, index, Indexer(WordCountEncoder(), Analyzer()))
    return folder


def texts(folder: Path | None) -> list[str] | None:
    """What a snapshot would answer from, every byte of it checked; None where there is none."""
    if folder is None:
        return None
    snapshots.check(folder, thoroughly=True)
    with closing(open_store(folder)) as store:
        found = sorted(passage.text for passage in store.passages(range(MOST)).values())
        assert len(found) == len(store)
    return found


def faulty(shim: CDLL, index: Path, at: int, error: int) -> tuple[str, int]:
    """What an update says whose write number `at` fails, once (EIO) or with all that follow (no space)."""
    shim.fault_arm(at, error, error == errno.EIO)
    try:
        update(index, AFTER)
        said = ""
    except StoreError as raised:
        said = str(raised)
    count = shim.fault_count()
    shim.fault_arm(-1, 0, 0)
    return said, count


def fail_each_write(library: str, folder: Path) -> None:
    """Run in a process that has the library in place of the system's writes; writes down how many have failed."""
    updating.LEAST_KEPT, updating.MOST_CHANGED = 0, 0.5  # so that an update puts what has changed over what was there
    shim = CDLL(library)
    after = texts(update(folder / "whole", AFTER))
    before = texts(update(folder / "before", BEFORE))
    failed = 0
    for built in (False, True):
        for error in (errno.ENOSPC, errno.EIO):
            at = 0
            while True:
                at += 1
                index = folder / "index"
                shutil.rmtree(index, ignore_errors=True)
                if built:
                    shutil.copytree(folder / "before", index)
                said, count = faulty(shim, index, at, error)
                if count < at:
                    break
                failed += 1
                left = texts(snapshots.current(index))
                assert left == (after if not said else before if built else None), (at, error, said)
                assert "\n" not in said
                assert not said or "can't be written" in said or "is damaged" in said, said
                assert texts(update(index, AFTER)) == after
                assert sorted(path.name for path in index.iterdir() if "building" in path.name) == []
    (folder / "failed").write_text(str(failed))


@pytest.mark.skipif(not shutil.which("gcc") or sys.platform != "linux", reason="needs gcc and Linux")
def test_any_write_that_fails_leaves_the_index_as_it_was_and_the_next_update_finishes(tmp_path: Path) -> None:
    library = tmp_path / "shim.so"
    (tmp_path / "shim.c").write_text(SHIM)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, tmp_path / "shim.c", "-ldl"], check=True)
    program = f"from test_faults import *; fail_each_write({str(library)!r}, Path({str(tmp_path / 'work')!r}))"
    environment = os.environ | {
        "LD_PRELOAD": str(library),
        "FAULT_FOLDER": str(tmp_path / "work"),
        "PYTHONPATH": os.pathsep.join(map(str, Path(__file__).parents[:2])),
    }
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False, timeout=280
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert int((tmp_path / "work" / "failed").read_text()) > 100
