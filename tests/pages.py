"""What tests of HTML need: a reader of pages, a name that would do harm, samples to show."""

from html.parser import HTMLParser

import numpy as np
import pandas as pd

from o2u_nb.data.readers.arrays import from_arrays

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(1)>'


class Reader(HTMLParser):
    """Collect the pictures, tags, attributes and text of a piece of HTML."""

    def __init__(self, html):
        super().__init__()
        self.images, self.tags, self.events, self.text = [], set(), [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.events += [name for name, _ in attrs if name.startswith("on")]
        if tag == "img":
            self.images.append(dict(attrs))

    def handle_data(self, data):
        self.text.append(data)


def numbered(n=12, labels=("cat", "dog", "owl"), ids=None):
    """Return samples whose pictures tell their number, and scores: the first half are suspects."""
    pictures = np.zeros((n, 20, 10, 3), np.uint8)
    pictures[:] = (np.arange(n) * 20)[:, None, None, None]
    names = ids or [f"s{i:02d}" for i in range(n)]
    given = [labels[i % len(labels)] for i in range(n)]
    samples = from_arrays(pictures, given, ids=names).samples.loc[names]
    scores = pd.DataFrame(
        {
            "label": given,
            "suggested_label": [labels[(i + 1) % len(labels)] for i in range(n)],
            "rank": np.arange(1, n + 1),
            "p_wrong": np.linspace(0.9, 0.1, n),
            "suspect": np.arange(n) < n // 2,
            "kind": ["wrong" if i % 2 else "ambiguous" for i in range(n)],
        },
        index=samples.index,
    )
    return samples, scores
