limit = 1000000
prime = bytearray([1]) * (limit + 1)
prime[0] = prime[1] = 0
for number in range(2, 1001):
    if prime[number]:
        for multiple in range(number * number, limit + 1, number):
            prime[multiple] = 0
print(sum(prime), sum(number for number in range(limit + 1) if prime[number]), NUMBER)
