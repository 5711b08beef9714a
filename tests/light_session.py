"""What a person does with an audit where training is not installed; `test_light_install` runs it.

In come an audit folder and an empty folder, as arguments of the command line. The script opens the
audit, reviews, draws all panels, exports, and writes an audit with its report; it prints the place
of the package and the panels drawn.
"""

import importlib
import inspect
import json
import pkgutil
import sys
from importlib.util import find_spec
from pathlib import Path

import o2u_nb
from o2u_nb import Audit
from o2u_nb.errors import O2UError

TRAINING = ("torch", "torchvision", "fastai")
# These need torch, or run when they are imported.
NEED_TORCH = ("training", "all", "explorer", "learner_audit", "__main__")


def main(folder: Path, out: Path) -> None:
    assert [name for name in TRAINING if find_spec(name)] == []
    modules = load_all()
    audit = Audit.open(folder)
    session = audit.session(reviewer="ann")
    wrong = audit.scores.index[0]
    session.drop([wrong])
    drawn = draw_panels(folder, modules)
    assert "widget" in str(audit.panel()._repr_mimebundle_())
    export(audit, out, wrong)
    written = Audit.save(out / "again", audit.samples, audit.trace)
    assert written.report.stat().st_size > 1_000_000  # plotly's code is in it
    refuse_training(modules)
    print(json.dumps({"package": o2u_nb.__file__, "panels": drawn}))


def load_all() -> dict:
    """Import every module of the package but those that are allowed to need torch."""
    names = [module.name for module in pkgutil.walk_packages(o2u_nb.__path__, "o2u_nb.", fail)]
    light = [name for name in names if name.split(".")[1] not in NEED_TORCH]
    return {name: importlib.import_module(name) for name in light}


def fail(name: str) -> None:
    """Only the room that needs torch may fail to be looked into."""
    assert name == "o2u_nb.training", name


def draw_panels(folder: Path, modules: dict) -> list[str]:
    """Draw each panel over a session of the kind it takes, found as `test_panels` finds them."""
    base = next(m.Panel for m in modules.values() if hasattr(m, "Panel"))
    panels = {
        thing
        for module in modules.values()
        for thing in vars(module).values()
        if isinstance(thing, type) and issubclass(thing, base) and thing is not base
    }
    for panel in panels:
        session = inspect.signature(panel).parameters["session"].annotation(folder, reviewer="ann")
        assert panel(session)._repr_mimebundle_()["application/vnd.jupyter.widget-view+json"]
    return sorted(panel.__name__ for panel in panels)


def export(audit: Audit, out: Path, dropped: str) -> None:
    """Write the cleaned data set as a table and as a folder."""
    from o2u_nb.exchange import to_csv, to_folder
    from o2u_nb.review.apply import plan

    changes = plan(audit)
    assert dropped not in changes.cleaned.index
    table = to_csv(changes, out / "clean.csv").read_text(encoding="utf-8")
    assert len(table.splitlines()) == len(audit.samples)  # a heading for the one that is gone
    folder = to_folder(changes, out / "clean")
    assert len(list(folder.rglob("*.png"))) == len(audit.samples) - 1


def refuse_training(modules: dict) -> None:
    """Check that what trains says how to install it, each time in the same words."""
    extras = modules["o2u_nb.extras"]
    for name in ("o2u_nb.all", "o2u_nb.training", "o2u_nb.training.learner"):
        try:
            importlib.import_module(name)
        except ImportError as error:
            assert isinstance(error, O2UError) and extras.INSTALL_TRAINING in str(error)
        else:
            raise AssertionError(f"{name} loads without torch")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
