"""What operators look at: workers, figures over time, health, rollouts, alarms and errors (docs/operations.md)."""
