"""What is computed with a trained network without training it further.

In comes a Learner; out goes an array of embeddings, or a trace with the validation samples.
"""
