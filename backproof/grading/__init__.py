"""Grading: submissions in, marks for each equation out, with errors carried forward.

Reading order: `model` (what is said of one submission), `rubric` (what is asked for and what it is worth),
`submissions` (where they are found), `exercise` (the cases, the same for all), `bare` with `bare_worker` and
`functions` (how they are asked), `examining` (how they are judged), `marking` (points), `grader` (one
submission from its bytes to its result), `running` (all of them, in processes), `outputs`.
"""
