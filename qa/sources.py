"""Files, folders and patterns → the files that are meant by them."""

import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from qa.errors import CorpusError

IGNORE = ".qaignore"
REMEMBERED = "sources"  # the file in the index that names the places which were given by hand
DEFAULT = Path("corpus")


def files(sources: Sequence[Path | str]) -> dict[str, Path]:
    """The files that sources name, under their paths from the folder that all sources are in, in the order of those.

    A source is a file, a folder or a pattern, as `docs/**/*.md`. Of a folder, hidden files are left out, and those that
    its `.qaignore` names in the way of `.gitignore`. Raises CorpusError where a source is missing.
    """
    found: dict[str, Path] = {}
    roots: list[Path] = []
    for source in map(Path, sources):
        paths = [source] if source.exists() else sorted(map(Path, glob.glob(str(source), recursive=True)))
        if not paths:
            raise CorpusError(f"no file or folder {source}: make it, or name another (QA_CORPUS)")
        roots += [path if path.is_dir() else path.parent for path in paths]
        for path in paths:
            found |= {os.path.abspath(each): each for each in (_in_folder(path) if path.is_dir() else [path])}
    base = os.path.commonpath([os.path.abspath(root) for root in roots])
    return {Path(os.path.relpath(path, base)).as_posix(): found[path] for path in sorted(found)}


def _in_folder(folder: Path) -> Iterator[Path]:
    import pathspec

    lines = _lines(folder / IGNORE)
    try:
        ignored = pathspec.GitIgnoreSpec.from_lines(lines)
    except ValueError as error:
        raise CorpusError(f"{folder / IGNORE} has a pattern that can't be read ({error}): mend it") from None
    for path in _below(folder):
        name = path.relative_to(folder)
        hidden = any(part.startswith(".") for part in name.parts)
        is_file = path.is_symlink() or path.is_file()
        if is_file and not path.is_dir() and not hidden and not ignored.match_file(name.as_posix()):
            yield path


def _below(folder: Path) -> list[Path]:
    try:
        return list(folder.rglob("*"))
    except OSError as error:
        raise CorpusError(f"{folder} can't be read ({error.strerror}): mend that and try again") from None


def _lines(path: Path) -> Iterable[str]:
    try:
        return path.read_text("utf-8-sig").splitlines()
    except FileNotFoundError:
        return ()
    except (OSError, ValueError) as error:
        raise CorpusError(f"{path} can't be read ({getattr(error, 'strerror', None) or error}): mend it") from None


def folders(sources: Sequence[Path | str]) -> tuple[list[Path], bool]:
    """The folders in which files can come and go that sources name, and whether those in them count as well."""
    found = [Path(source) for source in sources]
    below = any(path.is_dir() or not path.exists() for path in found)
    return list(dict.fromkeys(path if path.is_dir() else _existing(path.parent) for path in found)), below


def _existing(folder: Path) -> Path:
    """The folder, or of a pattern the innermost one that every match is in."""
    return next(each for each in (folder, *folder.parents) if each.is_dir())


def of(index: Path, default: Path) -> list[str]:
    """The places that were last given by name to be indexed there; the default where none were, or it was set."""
    lines = _lines(index / REMEMBERED) if default == DEFAULT else ()
    return [line for line in lines if line] or [str(default)]


def remember(index: Path, sources: Sequence[str]) -> None:
    """Have these places indexed there from now on."""
    temporary = index / f"{REMEMBERED}-{os.getpid()}"
    temporary.write_text("".join(f"{os.path.abspath(source)}\n" for source in sources), "utf-8")
    temporary.replace(index / REMEMBERED)
