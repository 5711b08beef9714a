# %% answer-bound
bound = most_wrong(5000, 250, 2)
