"""Executed notebooks, kept by their content, so that the site runs a notebook only when it must.

In comes the folder of notebooks; out comes a folder of notebooks with outputs, each named after
what it was made from: the text of the notebook with its answers, and all files of the package.
`python -m website.executed` runs what is missing; `python -m website.executed keep FOLDER` takes
what a run of the tests has executed in FOLDER.
"""

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from o2u_nb.course import editions

NOTEBOOKS = "notebooks"
RUN_IN = "build/course"  # as `make test` does, so that both share the data in build/data
PATIENCE = 900  # seconds that a cell may take
KEPT_ELSEWHERE = "O2U_SITE_EXECUTED"  # the environment variable that names another folder


def kept(root: Path) -> Path:
    """Return the folder of executed notebooks."""
    return Path(os.environ.get(KEPT_ELSEWHERE) or root / "build" / "executed")


def package_digest(root: Path) -> str:
    """Return a digest of all that the package consists of."""
    digest = hashlib.sha256()
    for path in sorted((root / "o2u_nb").rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def sources(notebook: dict) -> list[tuple[str, str]]:
    """Return what decides on the outputs of a notebook: the kinds and the texts of its cells."""
    return [(cell["cell_type"], "".join(cell["source"])) for cell in notebook["cells"]]


def wanted(root: Path) -> dict[str, tuple[dict, Path]]:
    """Return for each notebook its edition with answers, and where its execution is kept."""
    digest, found = package_digest(root), {}
    for path in sorted((root / NOTEBOOKS).glob("*.ipynb")):
        answers = root / NOTEBOOKS / editions.ANSWERS / f"{path.stem}.py"
        notebook = editions.filled(
            json.loads(path.read_text(encoding="utf-8")),
            editions.answers_in(answers) if answers.is_file() else {},
        )
        content = json.dumps([digest, sources(notebook)]).encode()
        name = f"{path.stem}-{hashlib.sha256(content).hexdigest()[:16]}.ipynb"
        found[path.stem] = (notebook, kept(root) / name)
    return found


def run_missing(root: Path) -> Iterator[str]:
    """Run each notebook whose outputs are not kept, and yield its name before it runs."""
    import nbformat
    from nbclient import NotebookClient

    place = root / RUN_IN
    place.mkdir(parents=True, exist_ok=True)
    for name, (notebook, path) in wanted(root).items():
        if path.is_file():
            continue
        yield name
        node = nbformat.from_dict(notebook)
        NotebookClient(node, timeout=PATIENCE, resources={"metadata": {"path": place}}).execute()
        keep(node, path)


def keep_from(root: Path, folder: Path) -> list[str]:
    """Keep the notebooks that were executed in `folder`, if they are as they are now in the root.

    Returns their names.
    """
    taken = []
    for name, (notebook, path) in wanted(root).items():
        file = folder / f"{name}.ipynb"
        executed = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None
        if executed and sources(executed) == sources(notebook) and has_run(executed):
            keep(executed, path)
            taken.append(name)
    return taken


def has_run(notebook: dict) -> bool:
    """Say whether every cell of code that is not empty has been executed, without an error."""
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code" and cell["source"]]
    outputs = [output for cell in cells for output in cell["outputs"]]
    return all(cell["execution_count"] for cell in cells) and not any(
        output["output_type"] == "error" for output in outputs
    )


def keep(notebook: dict, path: Path) -> None:
    """Write an executed `notebook` without the state of its widgets, and remove older ones."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for old in path.parent.glob(f"{path.stem.rpartition('-')[0]}-*.ipynb"):
        old.unlink()
    slim = {**notebook, "metadata": {**notebook["metadata"], "widgets": {}}}
    path.write_text(json.dumps(slim, ensure_ascii=False), encoding="utf-8")


def main(argv: list[str] | None = None) -> int:
    """Run what is missing, or keep what has been executed elsewhere."""
    parser = argparse.ArgumentParser(description="Execute the notebooks of the site.")
    parser.add_argument("command", nargs="?", choices=("run", "keep"), default="run")
    parser.add_argument("folder", nargs="?", type=Path, default=Path(RUN_IN))
    options = parser.parse_args(argv)
    root = Path(__file__).parents[1]
    if options.command == "keep":
        print(f"{len(keep_from(root, options.folder))} executed notebooks kept for the site")
        return 0
    for name in run_missing(root):
        print(f"Executing {name}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
