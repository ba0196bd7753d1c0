"""The service contract: what it refuses, and what its parts promise."""
