"""Write a cleaned data set where others expect it, and take a cleaned folder back.

In comes a `Plan` of what decisions change; out comes a folder of class folders, a Hugging Face
imagefolder or Parquet, CSV, Parquet, weights of samples, arrays for cleanlab, tasks of Label
Studio, a data set of FiftyOne, a folder with Croissant metadata, or a section for a data card, with
one module for each format.
Originals are never touched, and a folder appears whole or not at all. `revert` removes what was
written there and nothing else.
"""

from o2u_nb.exchange.class_folders import to_folder
from o2u_nb.exchange.cleanlab import to_cleanlab, write_cleanlab
from o2u_nb.exchange.croissant import to_croissant
from o2u_nb.exchange.data_card import data_card, write_data_card
from o2u_nb.exchange.fiftyone import to_fiftyone
from o2u_nb.exchange.huggingface import to_huggingface
from o2u_nb.exchange.huggingface_parquet import to_huggingface_parquet
from o2u_nb.exchange.label_studio import (
    from_label_studio,
    label_studio_interface,
    write_label_studio,
)
from o2u_nb.exchange.second_opinion import second_opinion
from o2u_nb.exchange.tables import to_csv, to_parquet
from o2u_nb.exchange.tree import revert
from o2u_nb.exchange.weights import sample_weights, write_weights

__all__ = [
    "data_card", "from_label_studio", "label_studio_interface", "revert", "sample_weights",
    "second_opinion", "to_cleanlab", "to_croissant", "to_csv", "to_fiftyone", "to_folder",
    "to_huggingface",
    "to_huggingface_parquet", "to_parquet", "write_cleanlab", "write_data_card",
    "write_label_studio", "write_weights",
]  # fmt: skip
