"""Files, folders and patterns → the files that are meant by them."""

import glob
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from qa.errors import CorpusError

IGNORE = ".qaignore"
REMEMBERED = "sources"  # the file in the index that names the places which were given by hand …
INSTEAD = "instead of "  # … after a line that begins so, and names the corpus in whose place they are
DEFAULT = Path("corpus")


def files(sources: Sequence[Path | str]) -> dict[str, Path]:
    """The files that sources name, under their paths from the folder that all sources are in, in the order of those.

    A source is a file, a folder or a pattern, as `docs/**/*.md`. Of a folder, hidden files are left out, and those that
    its `.qaignore` names in the way of `.gitignore`. Raises CorpusError where a source is missing.
    """
    found: dict[str, Path] = {}
    roots: list[Path] = []
    for source in map(Path, sources):
        paths = [source] if source.exists() else _matched(source)
        if not paths:
            raise CorpusError(f"no file or folder {source}: put documents there, or name another (qa serve FOLDER)")
        roots += [path if path.is_dir() else path.parent for path in paths]
        for path in paths:
            found |= {os.path.abspath(each): each for each in (_in_folder(path) if path.is_dir() else [path])}
    base = os.path.commonpath([os.path.abspath(root) for root in roots])
    return {Path(os.path.relpath(path, base)).as_posix(): found[path] for path in sorted(found)}


def bounds(sources: Sequence[Path | str]) -> list[Path]:
    """Where links may lead: into folders that sources name or what they name lies in, and to files that they name."""
    named = [path for path in map(Path, sources) if path.exists()]
    matched = [path for source in map(Path, sources) if source not in named for path in _matched(source)]
    folders = [path if path.is_dir() else path.parent for path in (*named, *matched)]
    return list(dict.fromkeys(path.resolve() for path in (*folders, *named)))


def problem(path: Path, within: Sequence[Path]) -> str:
    """Why a path that `files` gave is not read, or an empty text where it is: a link out, a pipe, a closed folder."""
    try:
        mode, target = path.stat().st_mode, path.resolve() if path.is_symlink() else path
    except OSError as error:
        return f"can't be read ({error.strerror})"
    if target is not path and not any(target.is_relative_to(folder) for folder in within):
        return "a link that leads out of the documents: copy there what it leads to"
    if stat.S_ISDIR(mode):
        return "a folder that can't be read" if target is path else "a link to a folder: name that folder as well"
    return "" if stat.S_ISREG(mode) else "a pipe, a device or a socket: only files are read"


def _matched(pattern: Path) -> list[Path]:
    return sorted(map(Path, glob.glob(str(pattern), recursive=True)))


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
        if not hidden and not ignored.match_file(name.as_posix()):
            yield path


def _below(folder: Path) -> list[Path]:
    """All that is in a folder but folders that can be read, which are looked into."""
    closed: list[OSError] = []
    found: list[Path] = []
    for parent, folders, files in os.walk(folder, onerror=closed.append):
        links = [name for name in folders if Path(parent, name).is_symlink()]
        found += [Path(parent, name) for name in (*files, *links)]
    if any(Path(error.filename) == folder for error in closed):
        raise CorpusError(f"{folder} can't be read ({closed[0].strerror}): mend that and try again")
    return found + [Path(error.filename) for error in closed]


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
    """The places that were last given by name to be indexed there; the default where none were, or it was another."""
    lines = [line for line in _lines(index / REMEMBERED) if line]
    replaced = lines.pop(0).removeprefix(INSTEAD) if lines and lines[0].startswith(INSTEAD) else str(DEFAULT)
    return (lines if replaced == str(default) else []) or [str(default)]


def remember(index: Path, sources: Sequence[str], default: Path = DEFAULT) -> None:
    """Have these places indexed there from now on, for as long as the default is the same."""
    lines = [f"{INSTEAD}{default}", *map(os.path.abspath, sources)]
    temporary = index / f"{REMEMBERED}-{os.getpid()}"
    temporary.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    temporary.replace(index / REMEMBERED)
