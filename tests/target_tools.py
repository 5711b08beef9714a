"""Load in the target tools what the exports wrote; run by `test_target_tools.py`.

In comes the folder of an audit with decisions, and a new folder for the exports; out comes one line
of JSON with what the tools have read.
"""

import json
import logging
import sys
from pathlib import Path

import datasets
import mlcroissant
import numpy as np
from cleanlab import Datalab

from o2u_nb import Audit, exchange
from o2u_nb.data import sources
from o2u_nb.review.apply import plan


def counted(labels) -> dict[str, int]:
    names, counts = np.unique([str(label) for label in labels], return_counts=True)
    return dict(zip(names.tolist(), counts.tolist(), strict=True))


def described(part, column: str) -> dict:
    """Say what a split of a data set of Hugging Face holds; `column` is one of text."""
    feature = part.features["label"]
    labels = map(feature.int2str, part["label"]) if hasattr(feature, "int2str") else part["label"]
    return dict(
        labels=counted(labels), size=part[0]["image"].size, **{column: counted(part[column])}
    )


def imagefolder(made, out: Path) -> dict:
    folder = str(exchange.to_huggingface(made, out / "imagefolder"))
    loaded = datasets.load_dataset("imagefolder", data_dir=folder, cache_dir=str(out / "cache"))
    return {split: described(part, "original_label") for split, part in loaded.items()}


def parquet(made, out: Path) -> dict:
    folder = exchange.to_huggingface_parquet(made, out / "parquet")
    loaded = datasets.load_dataset(str(folder), cache_dir=str(out / "cache"))
    objects = sources.read(loaded).samples
    on_disk = sources.read(folder).samples
    loaded.save_to_disk(str(out / "saved"))
    saved = sources.read(out / "saved").samples
    return dict(
        splits={split: described(part, "decision") for split, part in loaded.items()},
        objects=counted(objects["label"]),
        on_disk=on_disk["label"].to_dict(),
        saved=counted(saved["label"]),
    )


def croissant(made, audit, out: Path) -> dict:
    folder = exchange.to_croissant(made, audit, out / "croissant", about=ABOUT)
    loaded = mlcroissant.Dataset(str(folder / "croissant.json"))
    issues = loaded.metadata.issues
    records = list(loaded.records("samples"))
    bare = exchange.to_croissant(made, audit, out / "bare") / "croissant.json"
    return dict(
        errors=sorted(issues.errors),
        warnings=sorted(issues.warnings),
        bare_errors=sorted(mlcroissant.Dataset(str(bare)).metadata.issues.errors),
        labels=counted(record["samples/label"].decode() for record in records),
        given=counted(record["samples/given_label"].decode() for record in records),
        sizes=counted(record["samples/image"].size for record in records),
        first=records[0]["samples/file"].decode(),
    )


ABOUT = dict(
    description="Small pictures.", license="https://creativecommons.org/licenses/by/4.0/",
    url="https://example.org/pictures", datePublished="2026-11-27", version="1.0.0",
    citeAs="none", creator={"@type": "sc:Person", "name": "Ann"},
)  # fmt: skip


def datalab(audit) -> dict:
    arrays = exchange.to_cleanlab(audit)
    lab = Datalab(data={"label": arrays["labels"]}, label_name="label")
    lab.find_issues(pred_probs=arrays["pred_probs"], issue_types={"label": {}})
    issues = lab.get_issues("label")
    lowest = issues["label_score"].to_numpy().argsort(kind="stable")
    return dict(lowest=arrays["ids"][lowest].tolist(), issues=issues.to_dict("list"))


def main(folder: str, out: str) -> None:
    logging.getLogger("absl").setLevel(logging.ERROR)
    audit = Audit.open(folder)
    made = plan(audit)
    place = Path(out)
    print(
        json.dumps(
            dict(
                imagefolder=imagefolder(made, place),
                parquet=parquet(made, place),
                croissant=croissant(made, audit, place),
                datalab=datalab(audit),
            )
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
