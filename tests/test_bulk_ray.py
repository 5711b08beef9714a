"""Bulk scoring on Ray Data, with a worker that is killed: equal to one process, row by row."""

import os
import signal
from contextlib import suppress

import pandas as pd
import psutil
import pytest

from o2u_nb.audit import Audit
from o2u_nb.bulk.on_ray import STARTS, on_ray, start
from o2u_nb.bulk.output import BEGUN, MOST_BEGUN, Output
from o2u_nb.bulk.parts import parts_of
from o2u_nb.bulk.work import Work
from o2u_nb.errors import O2UError, OutputError
from o2u_nb.offline_weights import LITE0
from o2u_nb.run import run_audit
from o2u_nb.scorer import learned_by
from tests.sources import write_source

pytestmark = pytest.mark.slow
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
ray = pytest.importorskip("ray")


@pytest.fixture(scope="module")
def running():
    start(ray, num_cpus=2, include_dashboard=False)
    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def audit(tmp_path_factory):
    """An audit by a network that workers find by its name."""
    folder = tmp_path_factory.mktemp("bulk_ray")
    source = write_source(folder / "pictures")
    return Audit.open(run_audit(source, folder / "audit", preset="instant", eyes=[LITE0]).folder)


@pytest.fixture(scope="module")
def table(audit, tmp_path_factory):
    rows = audit.samples[["path", "label"]].reset_index().astype(object)
    rows.loc[5, "path"] = "gone.png"
    path = tmp_path_factory.mktemp("bulk_table") / "t.parquet"
    rows.to_parquet(path, index=False)
    return path


def workers() -> set[int]:
    """List the processes of the actors that score."""
    found = set()
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if "MapWorker" in " ".join(process.cmdline()):
                found.add(process.pid)
    return found


def rows_of(out) -> pd.DataFrame:
    """Read scores and dead letters of a bulk job as one table."""
    tables = [pd.read_parquet(out / name) for name in ("scores", "unreadable")]
    return pd.concat(tables).sort_values("sample_id", ignore_index=True)


def test_ray_that_is_started_for_a_job_ends_with_it_and_leaves_signals_alone(
    audit, table, tmp_path
):
    before, during = signal.getsignal(signal.SIGTERM), []
    audit.score_in_bulk(
        table,
        tmp_path / "out",
        engine="ray",
        workers=1,
        progress=lambda *_: during.append((ray.is_initialized(), signal.getsignal(signal.SIGTERM))),
    )
    assert during == [(True, before)]
    assert not ray.is_initialized() and signal.getsignal(signal.SIGTERM) == before


def test_ray_that_cannot_be_started_is_one_sentence(monkeypatch):
    def init(**options):
        tried.append(options)
        raise Exception("timed out\nand more")

    tried: list[dict] = []
    monkeypatch.setattr(ray, "init", init)
    with pytest.raises(O2UError, match=r"Ray could not be started \(timed out\)"):
        start(ray, num_cpus=1)
    assert len(tried) == STARTS


def test_a_killed_worker_loses_and_doubles_no_row(audit, table, tmp_path, running):
    alone = audit.score_in_bulk(table, tmp_path / "alone", rows=3)
    seen: set[int] = set()
    killed: list[int] = []

    def kill(done: int, total: int) -> None:
        now = workers()
        seen.update(now)
        if not killed:
            assert done < total and len(now) == 2
            killed.append(min(now))
            os.kill(killed[0], signal.SIGKILL)

    told = audit.score_in_bulk(
        table, tmp_path / "ray", engine="ray", workers=2, rows=3, progress=kill
    )
    assert killed and len(seen) > 2  # one was started in its place
    assert told[1:5] == alone[1:5] == (20, 0, 60, 1)
    found, wanted = rows_of(tmp_path / "ray"), rows_of(tmp_path / "alone")
    assert len(found) == 60 and found["sample_id"].is_unique
    pd.testing.assert_frame_equal(found, wanted)
    assert list((tmp_path / "ray" / BEGUN).iterdir()) == []
    again = audit.score_in_bulk(table, tmp_path / "ray", engine="ray", workers=2, rows=3)
    assert again.kept == 20


def test_an_error_of_a_part_is_that_of_one_process(audit, table, tmp_path, running):
    (part,) = parts_of(table, 1000)
    work = Work(learned_by(audit), str(tmp_path / "out"), 60)
    with pytest.raises(OutputError, match="the file has changed"):
        list(on_ray(work, [part._replace(stop=99)], 1))
    with pytest.raises(O2UError, match="Expected at most 2 workers"):
        list(on_ray(work, [part], 3))
    for number in range(MOST_BEGUN):
        Output.at(tmp_path / "out" / BEGUN / f"{part.key}-{number}").place.write(b"")
    with pytest.raises(O2UError, match="5 workers were killed at it"):
        list(on_ray(work, [part], 1))
    assert ray.is_initialized()  # who started it, stops it
