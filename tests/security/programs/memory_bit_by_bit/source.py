blocks = []
while True:
    blocks.append(bytearray(100000))
