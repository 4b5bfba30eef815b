import random

print(0 <= random.random() < 1, random.Random(1).random())
random.seed(5)
print(random.random())
