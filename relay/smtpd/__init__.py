"""The side that faces devices."""
