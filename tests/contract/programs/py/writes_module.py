open("other.py", "w").write("value = 42")
import other

print(other.value, other.__file__)
