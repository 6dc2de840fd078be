"""The course's experiments: one module each, `python -m course_lib.experiments.NAME` writes results/NN_NAME.json.

A lesson runs two arms of its experiment live with the same functions.
"""
