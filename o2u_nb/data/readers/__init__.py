"""The readers, one module for each kind of source; each returns `Checked(samples, problems)`.

Use `data.sources.read`, which chooses the reader. A reader turns its source into raw rows and
passes them to `data.checks.check`; it writes nothing and repairs nothing.
"""
