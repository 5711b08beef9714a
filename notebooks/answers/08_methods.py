# %% answer-lead
lead = 0.1
# %% answer-agree
most_wrong_where = "both"
