"""What is audited: images with labels, from any source, as one checked samples table.

Nothing here imports torch or fastai. `sources` reads, with one of the `readers`, `images` decodes,
`noise` plants wrong labels for experiments, `datasets` loads the built-in data.
"""
