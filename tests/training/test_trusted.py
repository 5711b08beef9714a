"""Trusted samples: positions of ids and labels, and what is refused."""

import numpy as np
import pandas as pd
import pytest

from o2u_nb.errors import O2UError
from o2u_nb.training.identity import Identity
from o2u_nb.training.trusted import trusted_among

WHO = Identity(pd.Index(["a", "b", "c"], dtype="str"), np.array([1, 0, 1]), ["cat", "dog"])


def test_ids_have_their_given_labels():
    found = trusted_among(["c", "b"], WHO)
    assert found.rows.tolist() == [2, 1] and found.labels.tolist() == [1, 0]


@pytest.mark.parametrize("table", [True, False])
def test_labels_by_id_replace_the_given_ones(table):
    labels = pd.Series({"c": "cat", "a": "dog"}, name="label")
    found = trusted_among(labels.to_frame() if table else labels, WHO)
    assert found.rows.tolist() == [2, 0] and found.labels.tolist() == [0, 1]


@pytest.mark.parametrize(
    "trusted, message",
    [
        (None, "Pass trusted="),
        ([], "found none"),
        (pd.Series(dtype="str"), "found none"),
        (["a", "x", "y"], "2 of 3 are not in it, such as 'x'"),
        (["a", "a"], "'a' more than once"),
        (pd.Series({"a": "cat", "b": "cow"}), "'cow' for the trusted sample 'b'"),
        (pd.DataFrame({"name": ["cat"]}, index=["a"]), "column label .* has name"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_to_do(trusted, message):
    with pytest.raises(O2UError, match=message):
        trusted_among(trusted, WHO)
