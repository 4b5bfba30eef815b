digits = [1]
for factor in range(2, 401):
    carry = 0
    for place in range(len(digits)):
        carry += digits[place] * factor
        digits[place] = carry % 10
        carry //= 10
    while carry:
        digits.append(carry % 10)
        carry //= 10
print(len(digits), sum(digits), NUMBER)
