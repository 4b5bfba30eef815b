# Text stays whole on its way through HTTP, database, sandbox and mail.
name = input()
print(f"سلام {name} 🌱")
print("بنی‌آدم اعضای یکدیگرند")
print("که در آفرینش ز یک گوهرند 💎")
