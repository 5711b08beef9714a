# One of many good answers, with a simulated reviewer who reads every digit rightly.
# %% answer-rank
model = LogisticRegression(max_iter=300)
probs = cross_val_predict(model, task.pixels, task.given, cv=5, method="predict_proba")
suspicion = -probs[np.arange(len(task.given)), task.given]
# %% answer-clicks
for_suspects = 120
# %% answer-review
truth = task.truth_of(order[:for_suspects])
for question in review.answers.questions:
    review.answer(int(truth[question.about["position"]]))
task.record(review.table())
# %% answer-sample
truth = task.truth_of(drawn)
for question in sample.answers.questions:
    sample.answer(int(truth[question.about["position"]]))
task.record(sample.table())
# %% answer-bound
bound = most_wrong(len(rest), len(drawn), wrong_in_sample)
