"""Names that files, classes and reviewers may really have, and that break careless code."""

ODD_IDS = [
    "<img src=x onerror=alert(1)>.png", '"><script>alert(1)</script>', "قطة/صورة.png", "🐆/🐅.png",
    "x" * 300, "line\nbreak.png", "tab\tand\rreturn", "\u2028separator", "'quoted', \"twice\"", " ",
]  # fmt: skip
