"""The cleaned data set with Croissant metadata, which search engines and loaders of data read.

In come a plan and an audit; out comes a folder of pictures with `labels.csv`, `croissant.json`
(JSON-LD, Croissant 1.1) and a `README.md` with the section of `data_card`. `mlcroissant` itself is
not needed.
"""

import hashlib
import json
import os
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from o2u_nb.data.images import suffixes
from o2u_nb.data.parallel import Progress
from o2u_nb.exchange import tree
from o2u_nb.exchange.class_folders import entries, write_tree
from o2u_nb.exchange.cleaned import csv_text, given, labelled, warn_of_stale
from o2u_nb.exchange.data_card import annotation_analysis, annotation_protocol, data_card, tool
from o2u_nb.folder import AuditFolder
from o2u_nb.review.apply import Plan

METADATA, LABELS, CARD = "croissant.json", "labels.csv", "README.md"
PICTURES, RECORDS = "pictures", "samples"  # ids in the metadata
STANDARD = "http://mlcommons.org/croissant/"
VERSION, RESPONSIBLE = f"{STANDARD}1.1", f"{STANDARD}RAI/1.0"
# The columns of `labels.csv`, and what they hold.
COLUMNS = {
    "file": "path of the picture in this folder",
    "file_name": "name of the picture, which no other one has",
    "label": "class after the review",
    "given_label": "class before the review",
    "decision": "keep, relabel or unsure; empty where nobody decided",
    "reviewer": "who decided; empty where nobody did",
    "split": "train, valid or test",
    "sample_id": "id in the audit",
}
TYPES = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp",
         ".gif": "image/gif", ".bmp": "image/bmp", ".tif": "image/tiff",
         ".tiff": "image/tiff"}  # fmt: skip
# Words of Croissant 1.1 that stand in its context for themselves in the vocabulary `cr`.
WORDS = ("arrayShape", "citeAs", "column", "containedIn", "equivalentProperty", "extract", "field",
         "fileObject", "fileProperty", "fileSet", "format", "includes", "isArray", "isLiveDataset",
         "jsonPath", "key", "md5", "parentField", "path", "recordSet", "references", "regex",
         "repeated", "replace", "samplingRate", "separator", "source", "subField",
         "transform")  # fmt: skip
CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": STANDARD,
    "rai": f"{STANDARD}RAI/",
    "dct": "http://purl.org/dc/terms/",
    "sc": "https://schema.org/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "description": {"@container": "@language"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "name": {"@container": "@language"},
    **{word: f"cr:{word}" for word in WORDS},
}


def to_croissant(
    plan: Plan,
    audit: AuditFolder,
    folder: str | os.PathLike,
    *,
    mode: str = "copy",
    about: dict[str, Any] | None = None,
    progress: Progress | None = None,
) -> Path:
    """Write the cleaned data set as a folder with Croissant metadata.

    Pictures are in `data/SPLIT/CLASS`, where no two have the same name. `labels.csv` has the
    columns `COLUMNS`; its SHA-256 is in the metadata. `about` holds what this package cannot know,
    in the words of schema.org: name, description, license, url, creator, datePublished, version,
    citeAs; by default the name is that of the folder. `plan`, `mode`, `progress`, what
    is returned and what is raised are those of `to_folder`; `audit` is the audit of the plan.
    """
    warn_of_stale(plan)
    places = tree.places(plan.cleaned, given(plan), split_level=True, own_names=True)
    places = "data/" + places
    labels = csv_text(_labels(plan, places)).encode()
    metadata = _metadata(audit, Path(folder).name, places, labels, about or {})
    title = metadata["name"]
    files = [
        *entries(plan, places),
        tree.Entry(LABELS, labels, {}),
        tree.Entry(METADATA, json.dumps(metadata, ensure_ascii=False, indent=1).encode(), {}),
        tree.Entry(CARD, f"# {title}\n\n{data_card(audit)}".encode(), {}),
    ]
    return write_tree(plan, folder, files, mode=mode, progress=progress)


def _labels(plan: Plan, places: pd.Series) -> pd.DataFrame:
    table = labelled(plan)
    decided = plan.decided.drop(plan.stale.index)[["action", "reviewer"]]
    decided = decided.reindex(table.index).fillna("")
    table = table.assign(
        file=places,
        file_name=[PurePosixPath(place).name for place in places],
        given_label=table["original_label"],
        decision=decided["action"],
        reviewer=decided["reviewer"],
    )
    return table.reset_index()[list(COLUMNS)]


def _metadata(
    audit: AuditFolder, name: str, places: pd.Series, labels: bytes, about: dict[str, Any]
) -> dict[str, Any]:
    text = f"{len(places):,} pictures whose labels were reviewed. {annotation_protocol(audit)}"
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": [VERSION, RESPONSIBLE],
        "name": name,
        "description": text,
        "rai:dataAnnotationProtocol": annotation_protocol(audit),
        "rai:dataAnnotationAnalysis": annotation_analysis(audit),
        "rai:machineAnnotationTools": tool(audit),
        **about,
        "distribution": [_labels_file(labels), _pictures(places)],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": RECORDS,
                "name": RECORDS,
                "description": "One record for each picture that is left after the review.",
                "key": {"@id": f"{RECORDS}/file_name"},
                "field": [_image(), *map(_column, COLUMNS)],
            }
        ],
    }


def _labels_file(labels: bytes) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": LABELS,
        "name": LABELS,
        "description": "The label of each picture, before and after the review.",
        "contentUrl": LABELS,
        "contentSize": f"{len(labels)} B",
        "encodingFormat": "text/csv",
        "sha256": hashlib.sha256(labels).hexdigest(),
    }


def _pictures(places: pd.Series) -> dict[str, Any]:
    found = {PurePosixPath(place).suffix for place in places}
    ends = sorted(end for end in found if end.casefold() in suffixes())
    return {
        "@type": "cr:FileSet",
        "@id": PICTURES,
        "name": PICTURES,
        "description": "The pictures, in folders of their split and class.",
        "encodingFormat": sorted({TYPES.get(end.casefold(), "image/*") for end in ends}),
        "includes": [f"data/*{end}" for end in ends],
    }


def _image() -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": f"{RECORDS}/image",
        "name": "image",
        "description": "The picture.",
        "dataType": "sc:ImageObject",
        "source": {"fileSet": {"@id": PICTURES}, "extract": {"fileProperty": "content"}},
    }


def _column(name: str) -> dict[str, Any]:
    field: dict[str, Any] = {
        "@type": "cr:Field",
        "@id": f"{RECORDS}/{name}",
        "name": name,
        "description": COLUMNS[name],
        "dataType": ["sc:Text", "cr:Label"] if name == "label" else "sc:Text",
        "source": {"fileObject": {"@id": LABELS}, "extract": {"column": name}},
    }
    if name == "file_name":
        # Not by the path: the reference reader of Croissant (mlcroissant 1.1.1) keeps the paths of
        # files that are in no archive as objects, which are equal to no text.
        field["references"] = {
            "fileSet": {"@id": PICTURES},
            "extract": {"fileProperty": "filename"},
        }
    return field
