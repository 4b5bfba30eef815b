seed, people = 7, []
for number in range(60000):
    seed = seed * 16807 % 2147483647
    people.append((seed % 90, seed // 90 % 1000, number))
people.sort(key=lambda person: (-person[0], person[1], person[2]))
print(sum(place % 100 * person[2] for place, person in enumerate(people)), NUMBER)
