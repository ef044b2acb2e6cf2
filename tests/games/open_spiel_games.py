"""Filled by `test_aec_rewards.py` with views of OpenSpiel games."""
