"""The mathematics of a league, pure: records, payoff, matchmaking, ratings, leaderboard, promotion."""
