"""Where things lie in an audit folder."""

SAMPLES = "samples.parquet"
PROBLEMS = "problems.csv"
TRACE = "trace"
EMBEDDINGS = "embeddings.npy"  # missing where they would be too large
SCORES = "scores.parquet"
SCORES_CSV = "scores.csv"
REPORT = "report.html"
FACTS = "audit.json"  # written last: an audit without it is unfinished
DECISIONS = "decisions.jsonl"  # a person's work: never removed

MADE_BY_AUDIT = (SAMPLES, PROBLEMS, TRACE, EMBEDDINGS, SCORES, SCORES_CSV, REPORT, FACTS)
