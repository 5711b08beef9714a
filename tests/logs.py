"""Decision logs to try out, on samples that need not exist."""

from datetime import UTC, datetime

from o2u_nb.review.decisions import Decisions
from o2u_nb.review.events import Event
from o2u_nb.review.lineage import Lineage


def open_log(path, reviewer="ann", data="f00d") -> Decisions:
    return Decisions(path, reviewer=reviewer, lineage=Lineage(data))


def choice(sample_id: str, action: str = "keep", new_label: str | None = None) -> dict:
    return dict(sample_id=sample_id, given_label="cat", action=action, new_label=new_label)


def event(number: int, sample_id: str, action: str, **fields) -> Event:
    """An event with the given number as its id, that many seconds after midnight."""
    ts = datetime(2030, 1, 1, 0, 0, number, tzinfo=UTC).isoformat(timespec="microseconds")
    known = dict(
        event_id=f"{number:02d}", command_id=f"c{number}", ts_utc=ts, reviewer="ann",
        dataset_fingerprint="f00d", sample_id=sample_id, given_label="cat", action=action,
    )  # fmt: skip
    return Event(**{**known, **fields})


def current(log: Decisions) -> dict:
    table = log.table()
    return dict(
        zip(table.index, zip(table["action"], table["new_label"], strict=True), strict=True)
    )
