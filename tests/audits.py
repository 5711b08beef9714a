"""Audit folders made by hand, without training: for the review, the panels and their benchmarks."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from o2u_nb import feature_file
from o2u_nb import folder as layout
from o2u_nb.data import samples as samples_io
from o2u_nb.data.samples import problems_table
from o2u_nb.detect.evidence import Evidence
from o2u_nb.detect.table import ranked
from o2u_nb.eye_names import NETWORK, column_name
from o2u_nb.feature_file import About
from o2u_nb.review.session import ReviewSession
from o2u_nb.trace import Trace

CLASSES = ["cheetah", "jaguar", "leopard", "tiger"]
KEY = "net-8-0123"  # of features


def write_audit(
    folder: Path,
    *,
    n: int = 40,
    n_wrong: int = 8,
    seed: int = 0,
    classes: list[str] = CLASSES,
    epochs: int = 6,
    ids: list[str] | None = None,
    images: Path | None = None,
    write_images: bool = True,
    side: int = 12,
    eyes: tuple[str, ...] = (),
) -> Path:
    """Write an audit of `n` samples, the first `n_wrong` of which look wrong; return `folder`.

    Sample k has the given label `classes[k % len(classes)]`, and a wrong one looks like the next
    class. With the folder `images`, the samples are PNG files there (which are missing unless
    `write_images`); without, they hold their pixels. `eyes` are names of further eyes, heads on
    frozen features: to the first of them half as many samples look wrong, to the next a third.
    """
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % len(classes)
    if ids is None:
        ids = [f"{classes[code]}/{number:07d}.png" for number, code in enumerate(labels)]
    samples = pd.DataFrame(
        {"label": np.array(classes, dtype=object)[labels], "split": "train"},
        index=pd.Index(ids, dtype="str", name="sample_id"),
    )
    samples = _with_images(samples, rng, images, side if write_images else 0)
    trace = make_trace(samples.index, labels, classes, n_wrong, epochs, rng)
    folder.mkdir(parents=True)
    samples_io.write(samples.sort_index(), folder / layout.SAMPLES)
    problems_table([]).to_csv(folder / layout.PROBLEMS, index=False)
    trace.save(folder / layout.TRACE)
    others = [replace(make_trace(samples.index, labels, classes, n_wrong // k, epochs, rng),
                      frozen=True)
              for k in range(2, len(eyes) + 2)]  # fmt: skip
    for name, other in zip(eyes, others, strict=True):
        other.save(folder / layout.EYES / column_name(name) / layout.TRACE)
    heads = [Evidence(other, eye=name) for name, other in zip(eyes, others, strict=True)]
    scores, _ = ranked(Evidence(trace, others=tuple(heads)))
    scores["suspect"] = scores["rank"] <= n_wrong
    scores["kind"] = np.where(scores["suspect"], "wrong", "")
    scores.to_parquet(folder / layout.SCORES)
    facts = dict(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        n_samples=n,
        n_classes=len(classes),
        estimated_wrong=n_wrong,
        **eye_facts(eyes),
    )
    (folder / layout.FACTS).write_text(json.dumps(facts), encoding="utf-8")
    return folder


def eye_facts(eyes: tuple[str, ...]) -> dict:
    """Return what `audit.json` says of a network and these further `eyes`; nothing without any."""
    heads = [
        dict(name=name, title=f"a head on features of {name}", frozen=True, features=name)
        for name in eyes
    ]
    own = dict(name=NETWORK, title="a small ResNet", frozen=False)
    return dict(eyes=[own, *heads]) if eyes else {}


def make_trace(ids, labels, classes, n_wrong, epochs, rng) -> Trace:
    """Make dynamics in which the first `n_wrong` samples go on contradicting their labels."""
    n, rows = len(labels), np.arange(len(labels))
    wrong = rows < n_wrong
    looks = np.where(wrong, (labels + 1) % len(classes), labels)
    p_given = np.where(wrong, 0.05, 0.85) + rng.uniform(0, 0.05, (epochs, n))
    probs = np.full((n, len(classes)), 0.05 / max(len(classes) - 2, 1), dtype=np.float32)
    probs[rows, (labels + 1) % len(classes)] = 1 - p_given.mean(0) - 0.05
    probs[rows, labels] = p_given.mean(0)
    return Trace(
        ids=pd.Index(ids),
        labels=labels,
        classes=list(classes),
        loss=-np.log(p_given).astype(np.float32),
        margin=np.log(p_given / (1 - p_given)).astype(np.float32),
        pred=np.tile(looks, (epochs, 1)).astype(np.int32),
        lr=np.full(epochs, 0.01),
        phase=np.array(["warmup"] * (epochs // 2) + ["cyclic"] * (epochs - epochs // 2)),
        mean_probs={"cyclic": probs / probs.sum(1, keepdims=True)},
    )


def _with_images(samples: pd.DataFrame, rng, images: Path | None, side: int) -> pd.DataFrame:
    pixels = rng.integers(0, 256, (len(samples), side, side, 3), dtype=np.uint8)
    if images is None:
        return samples.assign(image=list(pixels))
    samples = samples.assign(path=[f"{images}/{sample_id}" for sample_id in samples.index])
    for path, image in zip(samples["path"], pixels, strict=True) if side else ():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    return samples


def put(folder: Path, ids, rows, key: str = KEY) -> None:
    """Write the features `rows` (n, d) of the samples `ids`, as those of the network `key`."""
    rows = np.asarray(rows, np.float16)
    feature_file.begin(folder / key, About(key, "net", 8))
    records = np.zeros(len(rows), feature_file.record_type(rows.shape[1]))
    records["sample"], records["row"] = feature_file.id_digests(ids), rows
    feature_file.write(
        folder / key / feature_file.ROWS, [records[:1], records[1:]], len(rows), records.dtype
    )


def decided_in_splits(place: Path) -> Path:
    """Write an audit of 40 pictures in files into `place`, every fourth of them for validation.

    The reviewer "ann" has changed a label, dropped a picture and kept one; return its folder.
    """
    folder = write_audit(place / "audit", images=place / "images")
    table = samples_io.read(folder / layout.SAMPLES)
    table["split"] = np.where(np.arange(40) % 4 == 0, "valid", "train")
    samples_io.write(table, folder / layout.SAMPLES)
    session = ReviewSession(folder, reviewer="ann")
    session.relabel("tiger", ["cheetah/0000000.png"])
    session.drop(["jaguar/0000001.png"])
    session.keep(["tiger/0000003.png"])
    return folder
