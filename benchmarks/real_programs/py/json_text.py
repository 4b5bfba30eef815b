import json

seed, records = 11, []
for number in range(5000):
    seed = seed * 16807 % 2147483647
    records.append({"id": number, "name": f"name{seed % 977}", "scores": [seed % 10, seed % 100], "on": seed % 2 == 0})
text = json.dumps(records, separators=(",", ":"))
read = json.loads(text)
total = sum(record["id"] + sum(record["scores"]) + len(record["name"]) for record in read if record["on"])
print(len(text), total, NUMBER)
