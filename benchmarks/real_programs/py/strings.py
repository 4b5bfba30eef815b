words = []
for number in range(20000):
    word = ""
    value = number * number + 7
    while value:
        word += "abcdefghij"[value % 10]
        value //= 10
    words.append(word)
palindromes = sum(word == word[::-1] for word in words)
text = " ".join(words).replace("ab", "xyz").upper()
vowels = sum(text.count(vowel) for vowel in "AEI")
print(palindromes, len(text), vowels, text.find("XYZJ"), NUMBER)
