"""Views that tools read: what they are (`shapes`), how they get into a database (`plan`, `apply`).

shapes     definitions → the questions and columns of every view
build      shapes, warehouse → relations: SQL, types, comments, grants
world      what the database holds, and what was published there
plan       relations and world → actions
apply      actions → the database, all of them or none
"""
