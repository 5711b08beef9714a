"""Eyes: the networks that look at the pictures of one audit, and how they are called.

An eye is a network that is trained on the pictures, called `NETWORK`, or a head on the features of
a frozen network, called as that network. In comes such a name; out goes what columns are called.
"""

NETWORK = "network"  # the eye that is trained on the pictures themselves

# With several eyes, the score table has two columns for each of them, whose names begin so: its own
# score, and the class that it finds likeliest. The eye's name follows, see `column_name`.
SCORE_OF = "score_"
SEEN_AS = "seen_as_"


def column_name(eye: str) -> str:
    """Return the name of an eye as a part of a column's name: letters, digits and underscores.

    >>> column_name("timm/vit_small.dino")
    'timm_vit_small_dino'
    """
    return "".join(letter if letter.isalnum() else "_" for letter in eye)
