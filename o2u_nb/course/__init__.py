"""The course in noisy labels: what its notebooks use beside the package itself.

In come a student's answers and stored traces; out come verdicts and small tables. Everything here
works without torch. The panels of the course are in `widgets/course/`.
"""
