"""From the settings of other products to devices and profiles. The readers are pure: texts in, `Found` out.

Nothing is dropped in silence: what has no counterpart stands in `Found.left`, with why and what to do about it.
"""
