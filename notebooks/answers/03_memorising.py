# %% answer-epoch
best_epoch = 60
# %% answer-share
trained = memorising.recorded()
learnt_by_heart = (trained.answers()[-1] == trained.given)[trained.wrong].mean()
# %% answer-smallest
smallest = 0.50
# %% answer-part
falls = "KL divergence"
