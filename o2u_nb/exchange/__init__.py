"""Write a cleaned data set where others expect it, and take a cleaned folder back.

In comes a `Plan` of what decisions change; out comes a folder of class folders, a Hugging Face
imagefolder, CSV, Parquet, arrays for cleanlab, or tasks of Label Studio, with one module for each
format. Originals are never touched, and a folder appears whole or not at all. `revert` removes what
was written there and nothing else.
"""

from o2u_nb.exchange.class_folders import to_folder
from o2u_nb.exchange.cleanlab import to_cleanlab, write_cleanlab
from o2u_nb.exchange.huggingface import to_huggingface
from o2u_nb.exchange.label_studio import (
    from_label_studio,
    label_studio_interface,
    write_label_studio,
)
from o2u_nb.exchange.tables import to_csv, to_parquet
from o2u_nb.exchange.tree import revert

__all__ = [
    "from_label_studio", "label_studio_interface", "revert", "to_cleanlab", "to_csv", "to_folder",
    "to_huggingface", "to_parquet", "write_cleanlab", "write_label_studio",
]  # fmt: skip
