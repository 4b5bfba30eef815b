"""Published escapes from containers, and whether a program in a box can begin them."""
