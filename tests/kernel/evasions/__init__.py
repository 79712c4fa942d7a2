"""The published evasions, each performed: by subject. A deed returns True if it did not evade."""
