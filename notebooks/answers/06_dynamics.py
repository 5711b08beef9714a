# %% answer-margin
margin = np.log(0.2) - np.log(0.7)
# %% answer-forgetting
events = 2
# %% answer-corner
confidence, variability = "low", "low"
# %% answer-best
measure, epochs = "low margin", 10
