"""What is computed with a network and no training: a Learner comes in, an array goes out."""
