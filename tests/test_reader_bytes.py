"""Any bytes in a file of labels give a table or one sentence; hypothesis looks for others."""

import io
import json

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from o2u_nb.data.images import broken_image
from o2u_nb.data.readers.label_files import read_table
from o2u_nb.errors import SourceError
from tests.pictures import put

TABLE = pd.DataFrame({"path": ["a.png", "b.png"] * 9, "label": ["cat", "dog"] * 9})
PACKED = io.BytesIO()
TABLE.to_parquet(PACKED)
RECORDS = json.dumps(TABLE.to_dict("records")).encode()
WHOLE = {
    ".csv": TABLE.to_csv(index=False).encode(),
    ".json": RECORDS,
    ".parquet": PACKED.getvalue(),
}
SETTINGS = settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@st.composite
def damaged(draw, whole: bytes) -> bytes:
    """Draw `whole` with some bytes replaced, inserted or removed."""
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(whole)))
        end = start + draw(st.integers(0, 9))
        whole = whole[:start] + draw(st.binary(max_size=9)) + whole[end:]
    return whole


def require_table_or_sentence(path, content: bytes) -> None:
    path.write_bytes(content)
    try:
        assert isinstance(read_table(str(path)), pd.DataFrame)
    except SourceError as error:
        assert str(path) in str(error) and "\n" not in str(error)


@pytest.mark.parametrize("suffix", WHOLE)
@SETTINGS
@given(data=st.data())
def test_a_damaged_table(suffix, data, tmp_path):
    require_table_or_sentence(tmp_path / f"l{suffix}", data.draw(damaged(WHOLE[suffix])))


@SETTINGS
@given(content=st.binary(max_size=200), suffix=st.sampled_from([*WHOLE, ".jsonl", ".csv.gz"]))
def test_any_bytes(content, suffix, tmp_path):
    require_table_or_sentence(tmp_path / f"l{suffix}", content)


@SETTINGS
@given(data=st.data(), form=st.sampled_from(["png", "gif", "tiff", "bmp", "webp", "jpeg"]))
def test_a_damaged_picture_is_decoded_or_has_a_reason(data, form, tmp_path):
    whole = put(tmp_path / f"a.{form}").read_bytes()
    reason = broken_image(data.draw(damaged(whole)))
    assert reason is None or reason
