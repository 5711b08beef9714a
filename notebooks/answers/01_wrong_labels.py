# %% answer-sorted
for question in trial.answers.questions:
    trial.answer(question.about["kind"])
sorted_cases = trial.table()
# %% answer-again
for question in again.answers.questions:
    again.answer("ambiguous" if question.about["kind"] == "wrong" else question.about["kind"])
second_look = again.table()
# %% answer-kappa
observed_agreement = 0.8
kappa_by_hand = (0.8 - 0.58) / (1 - 0.58)
