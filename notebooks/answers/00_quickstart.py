# %% answer-share
share_of_suspects = 0.1
# %% answer-jump
at_the_jump = "rises"
# %% answer-precision
guessed_precision = 0.9
