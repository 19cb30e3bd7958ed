"""What a schedule is: a family of functions, the kinds of their parameters, and their texts."""
