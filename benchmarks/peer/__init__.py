"""What a team would build instead, for measuring beside the product and for nothing else."""
