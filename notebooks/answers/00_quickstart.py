# %% answer-share
share_of_suspects = 0.1
# %% answer-above
share_above = 0.9
# %% answer-precision
guessed_precision = 0.9
