"""The SandboxFusion front door: its calls `run_code` and `run_jupyter`, for trainers of language models.

Nothing of a run is stored. Requests wait for their turn, because these clients take a refusal for a wrong program.
"""
