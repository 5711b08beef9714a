# %% answer-guess
guess = 0.95
# %% answer-falls
precision_does = "falls"
# %% answer-hours
hours = 10_000 * 0.12 * 4 / 3600
# %% answer-trial
# A reviewer who is right most of the time, and follows every third suggestion that is shown.
for number, question in enumerate(trial.answers.questions):
    about = question.about
    follows = about["shown"] and number % 3 == 0
    trial.answer(about["suggestion"] if follows else about["truth"])
answers = trial.table()
