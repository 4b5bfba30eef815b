print("So far, so good.")
print(1 / 0)
