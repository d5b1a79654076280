"""Whom does a message change? Uplift learners, their measures and the honest verdict. Django-free.

Shapes: R people, F features. Uplift is the difference the treatment makes to the outcome's probability or amount.
"""
