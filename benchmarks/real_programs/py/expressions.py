import re

seed, lines = 3, []
for number in range(4000):
    seed = seed * 16807 % 2147483647
    day, month = seed % 28 + 1, seed // 28 % 12 + 1
    lines.append(f"user{seed % 500}@example{number % 7}.com 2026-{month:02d}-{day:02d} GET /page/{number % 90}")
pattern = re.compile(r"^(user[0-9]+)@(example[0-5]\.com) ([0-9]{4})-(0[1-6])-([0-9]{2}) (GET|POST) /page/([1-8][0-9])$")
count = days = 0
for line in lines:
    if found := pattern.match(line):
        count += 1
        days += int(found[5])
print(count, days, NUMBER)
