"""Background jobs: a table that is the truth, workers that lease from it, brokers that only wake them."""
