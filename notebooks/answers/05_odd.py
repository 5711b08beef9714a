# %% answer-log
loss_of_any_label = np.log(len(dls.vocab))
# %% answer-when
when = "at the end of the high rate"
# %% answer-blind
fails_for = "pair flip"
