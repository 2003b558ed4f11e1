"""The side that moves stored mail upstream."""
