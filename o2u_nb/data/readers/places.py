"""Places of pictures that a file names, which must lie below the folder that was given.

In comes what a file from elsewhere calls a picture; out comes a path below the root.
"""

import posixpath

from o2u_nb.data.samples import text


def below(name: object) -> str:
    """Return the path `name` in its normal form; raise `ValueError` unless it leads below the root.

    A file of annotations may come from anybody, and only the pictures in the folder that the user
    has given are meant.

    >>> below("train/./cat/1.png"), below("cat/../dog/2.png")
    ('train/cat/1.png', 'dog/2.png')
    """
    written = text(name)
    if not isinstance(name, str) or not written.strip():
        raise ValueError(f"expected the name of a picture, found {name!r:.80}")
    path = posixpath.normpath(written)
    if posixpath.isabs(path) or path == ".." or path.startswith("../"):
        raise ValueError(
            f"it names the picture {written!r:.200}, which lies outside of the folder of pictures: "
            "make the paths relative to it"
        )
    return path
