"""A policy for people who do not have this project: Spaces and model repositories of Hugging Face."""
