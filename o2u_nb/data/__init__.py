"""What is audited: images with labels, from any source, as one checked samples table.

Nothing here imports torch or fastai. `sources` reads, `images` decodes, `noise` plants wrong labels
for experiments, `datasets` loads the built-in data.
"""
