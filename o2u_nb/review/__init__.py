"""What people decide about suspects, and what becomes of it; headless, without torch or widgets.

`session` holds the state of a review, `decisions` its record on disk, `apply` and `export` turn
decisions into a cleaned data set.
"""
