"""ODD's panel: what it counts, what the line removes, and what is kept of it."""

import numpy as np
import pytest

from o2u_nb.plots.odd import odd_counts
from o2u_nb.widgets.odd import WAITING, OddPanel
from tests.traces import odd, odd_trace

LOSS = np.array([0.05, 0.15, 0.25, 2.5, 3.5, np.nan])


def example(**options):
    found = odd(
        odd_trace(np.tile(LOSS, (2, 1)), [0, 1, 2, 0, 1, 2]), LOSS, np.linspace(1, 4, 31), 10.0
    )
    return found if not options else type(found)(**{**found.__dict__, **options})


def test_counts_by_hand():
    recorded, simulated, edges = odd_counts(example())
    assert recorded.sum() == 5 and simulated.sum() == pytest.approx(5)
    assert edges[0] == 0 and edges[-1] >= 3.9
    below = edges[1:] <= 0.99
    assert recorded[below].sum() == 3 and simulated[below].sum() == 0
    assert recorded[-1] == 0 and simulated[-1] > 0  # beyond the last edge: in the last bin


def test_the_panel_waits_and_then_says_what_would_be_removed():
    panel = OddPanel()
    assert panel.message == WAITING == panel._status.message and WAITING in panel._html()
    panel.update(example())
    assert "Above a loss of 1.30, the 10th percentile" in panel.message
    assert "2 of 6 samples (33 %) would be removed" in panel.message
    assert panel._plot._cut == pytest.approx(1.3)
    np.testing.assert_allclose(np.nansum(panel._plot.data[0].y), 5)


@pytest.mark.parametrize("how", ["slider", "line"])
def test_the_line_and_the_slider_show_another_percentile(how):
    found = example(final=True)
    panel = OddPanel(found)
    assert "2 of 6 samples (33 %) were removed" in panel.message
    if how == "slider":
        panel._slider.value = 55.0
    else:
        panel._plot._handle_custom_msg({"kind": "dropped", "x": 3.2}, [])
    assert panel._plot._cut == pytest.approx(found.at(panel.percentile)[0])
    assert panel.percentile == panel._slider.value > 50
    assert panel.removed.tolist() == [False, False, False, False, True, False]
    assert "1 of 6 samples (17 %) would be removed" in panel.message
    assert found.percentile == 10  # the training is as it was


def test_a_line_dragged_off_the_scale_stays_on_it():
    panel = OddPanel(example())
    panel._on_line(99.0)
    assert panel.percentile == 60 == panel._slider.value


def test_each_epoch_brings_the_line_back_to_the_percentile_that_counts():
    panel = OddPanel(example())
    panel._slider.value = 40.0
    panel.update(example(epoch=2))
    assert panel.percentile == 10 == panel._slider.value
    assert panel._plot.layout.title.text.endswith("after epoch 2")


class Handle:
    def __init__(self):
        self.got = []

    def update(self, bundle, raw):
        self.got.append(bundle)


def test_a_saved_notebook_keeps_the_result():
    panel, handle = OddPanel(), Handle()
    panel._handles.append(handle)
    panel.update(example())
    assert handle.got == []
    panel.update(example(final=True))
    (bundle,) = handle.got
    assert "<svg" in bundle["text/html"] and "were removed" in bundle["text/html"]
    assert "<script" not in bundle["text/html"]
    assert bundle["text/plain"] == panel.message
    assert "application/vnd.jupyter.widget-view+json" in bundle
