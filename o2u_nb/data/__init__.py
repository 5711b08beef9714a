"""What is audited: images with labels, from any source, as one checked samples table.

`sources` reads a source with one of the `readers`, `images` decodes pictures, `noise` plants wrong
labels for experiments, and `datasets` loads the built-in data sets. Nothing here needs torch or
fastai, except that torchvision downloads some of the built-in data sets.
"""
