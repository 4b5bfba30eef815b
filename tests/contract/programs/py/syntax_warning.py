x = r"\d"
print(x == "a")
