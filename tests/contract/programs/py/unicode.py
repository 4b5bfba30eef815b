print("é中😀", "\udc80".encode("utf-8", "surrogateescape"))
print(input())
