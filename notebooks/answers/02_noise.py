# %% answer-guess
guess = 0.6
# %% answer-harm
most_harmful = "pair flip"
# %% answer-confidence
after_noise = "underconfident"
# %% answer-matrix
T = [[0.7, 0.3, 0], [0, 0.7, 0.3], [0.3, 0, 0.7]]
# %% answer-rate
really_wrong = 0.4 * 9 / 10
