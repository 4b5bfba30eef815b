# Asks on standard output and reads the answer from standard input, as in a terminal.
value = int(input("Enter your value: "))
print(value)
print(f"Twice that is {2 * value}.")
