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


def named(part) -> list[str]:
    """Return the names of the classes of a data set of Hugging Face."""
    feature = part.features["label"]
    return [feature.int2str(code) if hasattr(feature, "int2str") else code for code in part["label"]]


def imagefolder(made, out: Path) -> dict:
    folder = exchange.to_huggingface(made, out / "imagefolder")
    loaded = datasets.load_dataset("imagefolder", data_dir=str(folder), cache_dir=str(out / "cache"))
    return {
        split: dict(labels=counted(named(part)), size=part[0]["image"].size, before=counted(part["original_label"]))
        for split, part in loaded.items()
    }  # fmt: skip


def parquet(made, out: Path) -> dict:
    folder = exchange.to_huggingface_parquet(made, out / "parquet")
    loaded = datasets.load_dataset(str(folder), cache_dir=str(out / "cache"))
    objects = sources.read(loaded).samples
    on_disk = sources.read(folder).samples
    loaded.save_to_disk(str(out / "saved"))
    saved = sources.read(out / "saved").samples
    return dict(
        splits={
            split: dict(labels=counted(named(part)), size=part[0]["image"].size,
                        decisions=counted(part["decision"]))
            for split, part in loaded.items()
        },
        objects=counted(objects["label"]),
        on_disk=on_disk["label"].to_dict(),
        saved=counted(saved["label"]),
    )  # fmt: skip


def croissant(made, audit, out: Path) -> dict:
    folder = exchange.to_croissant(made, audit, out / "croissant", about=ABOUT)
    loaded = mlcroissant.Dataset(str(folder / "croissant.json"))
    issues = loaded.metadata.issues
    records = list(loaded.records("samples"))
    bare = exchange.to_croissant(made, audit, out / "bare")
    return dict(
        errors=sorted(issues.errors),
        warnings=sorted(issues.warnings),
        bare_errors=sorted(mlcroissant.Dataset(str(bare / "croissant.json")).metadata.issues.errors),
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
    return dict(found=sorted(arrays["ids"][issues["is_label_issue"].to_numpy()]))


def main(folder: str, out: str) -> None:
    logging.getLogger("absl").setLevel(logging.ERROR)
    audit = Audit.open(folder)
    made = plan(audit)
    place = Path(out)
    print(
        json.dumps(
            dict(
                versions={tool.__name__: getattr(tool, "__version__", "") for tool in (datasets,)},
                imagefolder=imagefolder(made, place),
                parquet=parquet(made, place),
                croissant=croissant(made, audit, place),
                datalab=datalab(audit),
            )
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
