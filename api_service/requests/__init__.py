"""Takes the requests of all front ends: reads their bodies, lets them wait, and runs their programs within bounds."""
