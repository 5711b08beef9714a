# %% answer-remedy
best_remedy = "relabel"
# %% answer-lead
lead_of_drop = "no"
# %% answer-dirty
dirty_labels = "lowers it"
