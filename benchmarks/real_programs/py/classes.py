class Shape:
    def __init__(self, name):
        self.name = name

    def area(self):
        raise NotImplementedError


class Square(Shape):
    def __init__(self, side):
        super().__init__("square")
        self.side = side

    def area(self):
        return self.side * self.side


class Rectangle(Shape):
    def __init__(self, width, height):
        super().__init__("rectangle")
        self.width = width
        self.height = height

    def area(self):
        return self.width * self.height


class Triangle(Rectangle):
    def area(self):
        return super().area() // 2


shapes = []
for number in range(30000):
    side = number % 97 + 1
    kind = number % 3
    shapes.append(Square(side) if kind == 0 else Rectangle(side, 5) if kind == 1 else Triangle(side, 8))
print(sum(shape.area() for shape in shapes), sum(len(shape.name) for shape in shapes), NUMBER)
