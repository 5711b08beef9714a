"""Where things lie in an audit folder."""

SAMPLES = "samples.parquet"
PROBLEMS = "problems.csv"
TRACE = "trace"
SCORES = "scores.parquet"
SCORES_CSV = "scores.csv"
REPORT = "report.html"
FACTS = "audit.json"  # written last: an audit without it is unfinished
DECISIONS = "decisions.jsonl"  # a person's work: never removed

MADE_BY_AUDIT = (SAMPLES, PROBLEMS, TRACE, SCORES, SCORES_CSV, REPORT, FACTS)
