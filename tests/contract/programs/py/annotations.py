x: int = 1
y: "text"
print(__annotations__)
