"""The one door: what is no source, or no labels for it, is refused by what it is."""

import numpy as np
import pytest

from tests.pictures import fill, refusal


@pytest.mark.parametrize("source", [None, 7, object(), iter([])])
def test_what_is_no_source_is_named(source):
    message = refusal(source)
    assert message.startswith("expected a folder, a table of paths and labels, (images, labels)")
    assert message.endswith(f"found {type(source).__name__}")


@pytest.mark.parametrize("labels", [5, ["cat", "dog"], np.zeros(2)])
def test_labels_of_a_folder_are_a_table(labels, tmp_path):
    message = refusal(fill(tmp_path, "a.png", "b.png"), labels)
    assert "as a DataFrame or a file" in message and type(labels).__name__ in message


def test_images_without_labels_are_refused():
    assert "expected items (image, class number), found ndarray" in refusal(np.zeros((3, 4, 4)))
