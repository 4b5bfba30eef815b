class Shape {
  constructor(name) {
    this.name = name
  }
}
class Square extends Shape {
  constructor(side) {
    super('square')
    this.side = side
  }
  area() {
    return this.side * this.side
  }
}
class Rectangle extends Shape {
  constructor(width, height) {
    super('rectangle')
    this.width = width
    this.height = height
  }
  area() {
    return this.width * this.height
  }
}
class Triangle extends Rectangle {
  area() {
    return Math.floor(super.area() / 2)
  }
}
const shapes = []
for (let number = 0; number < 30000; number++) {
  const side = (number % 97) + 1
  const kind = number % 3
  shapes.push(kind === 0 ? new Square(side) : kind === 1 ? new Rectangle(side, 5) : new Triangle(side, 8))
}
const areas = shapes.reduce((sum, shape) => sum + shape.area(), 0)
console.log(areas, shapes.reduce((sum, shape) => sum + shape.name.length, 0), NUMBER)
