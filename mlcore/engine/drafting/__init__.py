"""From any table to the draft of a plan, for a person to correct. Needs nothing that trains."""
