"""What listens to a metric: schedules that adapt, rules that stop, and their states."""
