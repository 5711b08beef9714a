"""How many pixels one picture may have, and how many are decoded at the same time.

In comes an opened picture that is not decoded yet; out comes room for it, or a `ValueError` that
says how large it is. A file of some hundred kilobytes can hold hundreds of millions of pixels, and
pictures are decoded in one thread for each core, so both limits are needed.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image

# Largest number of pixels that are decoded of one picture. As 8-bit RGB they take 400 MB in Pillow,
# and about 1 GB while they are converted. A JPEG that is read at a part of its size counts as that.
# Pillow itself refuses twice 89 million. Our choice: no common camera takes larger pictures in a
# format other than JPEG.
MOST = 100_000_000
# Pictures with fewer pixels than this do not wait for each other: a hundred cores would decode 400
# million of them at once. Our choice.
SMALL = 4_000_000


class Room:
    """Let threads decode pictures of at most `most` pixels in all at the same time."""

    def __init__(self, most: int = MOST):
        self.most = most
        self._taken = 0
        self._freed = threading.Condition()

    @contextmanager
    def of(self, pixels: int) -> Iterator[None]:
        """Wait until `pixels` more may be decoded, and hold their room meanwhile.

        A picture of more pixels than there is room waits until it is alone.
        """
        wanted = min(pixels, self.most)
        with self._freed:
            self._freed.wait_for(lambda: self._taken + wanted <= self.most)
            self._taken += wanted
        try:
            yield
        finally:
            with self._freed:
                self._taken -= wanted
                self._freed.notify_all()


_ROOM = Room()


@contextmanager
def room_for(image: Image.Image, held: int) -> Iterator[None]:
    """Hold room for decoding `image`; `held` is the number of pixels that its file holds.

    The two differ for a JPEG that is read at a part of its size: its decoder may still need memory
    for the whole. Raises `ValueError` when `image` has more than `MOST` pixels.
    """
    pixels = image.width * image.height
    if pixels > MOST:
        raise ValueError(
            f"{image.width:,} x {image.height:,} pixels are more than the {MOST // 10**6} million "
            "that are read of one picture; make it smaller"
        )
    if held <= SMALL:
        yield
        return
    with _ROOM.of(held):
        yield
