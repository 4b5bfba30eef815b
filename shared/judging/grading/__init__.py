"""Folds the results of a problem's tests into a verdict, points and the results of groups. Pure."""
