"""What is computed with a network without training it.

In comes a Learner, or a frozen network with a samples table; out goes an array of embeddings or
features, or a trace with the validation samples.
"""
