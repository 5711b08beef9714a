"""What people decide about suspects, and what follows from it; without torch and without widgets.

`session` holds the state of a review, `decisions` is its record on disk, and `apply` turns
decisions into a cleaned data set, which the package `exchange` writes.
"""
