"""Ray's machines, and nothing of a league: nodes, what each learner gets of them, and the Ray session itself."""
