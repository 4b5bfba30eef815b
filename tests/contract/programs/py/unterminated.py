print("""never closed
