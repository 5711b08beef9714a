# %% answer-rate
rate_of_epoch_5 = 0.5 * 0.05 + 0.5 * 0.0005
# %% answer-guess
guess = "variance"
# %% answer-wait
explorer.wait()
scores, planted = explorer.scores, explorer.shown.planted
# %% answer-jump
at_the_jump = "rises"
# %% answer-tuned
explorer.set(r1=0.005, r2=0.0005, cycles=2)
explorer.wait()
scores, planted = explorer.scores, explorer.shown.planted
# %% answer-alike
explorer.set(noise="look-alike")
explorer.wait()
alike = explorer.scores, explorer.shown.planted
