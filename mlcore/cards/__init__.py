"""A model's card for people: what it says, in words and pictures."""
