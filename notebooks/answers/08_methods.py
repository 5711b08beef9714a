# %% answer-lead
lead = 0.1
# %% answer-agree
shares = {
    "both": right_about(one.intersection(other)),
    "only the first": right_about(only_one),
    "only the second": right_about(only_other),
}
most_wrong_where = pd.Series(shares).idxmax()
