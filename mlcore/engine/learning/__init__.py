"""From a plan and its table to a compiled model: everything that learns. Needs scikit-learn."""
