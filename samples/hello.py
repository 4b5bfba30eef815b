print("Hello from Precieux!")
