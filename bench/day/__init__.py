"""A day of an office in virtual time: the real delivery code against an Exchange that keeps books of its own."""
