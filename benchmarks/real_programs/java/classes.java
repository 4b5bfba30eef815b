import java.util.ArrayList;
import java.util.List;

public class Main {
  public static void main(String[] args) {
    List<Shape> shapes = new ArrayList<>();
    for (int number = 0; number < 30000; number++) {
      int side = number % 97 + 1;
      shapes.add(switch (number % 3) {
        case 0 -> new Square(side);
        case 1 -> new Rectangle(side, 5);
        default -> new Triangle(side, 8);
      });
    }
    long areas = 0, names = 0;
    for (Shape shape : shapes) {
      areas += shape.area();
      names += shape.name.length();
    }
    System.out.println(areas + " " + names + " " + NUMBERL);
  }
}

abstract class Shape {
  final String name;

  Shape(String name) {
    this.name = name;
  }

  abstract int area();
}

class Square extends Shape {
  private final int side;

  Square(int side) {
    super("square");
    this.side = side;
  }

  @Override
  int area() {
    return side * side;
  }
}

class Rectangle extends Shape {
  private final int width, height;

  Rectangle(int width, int height) {
    super("rectangle");
    this.width = width;
    this.height = height;
  }

  @Override
  int area() {
    return width * height;
  }
}

class Triangle extends Rectangle {
  Triangle(int width, int height) {
    super(width, height);
  }

  @Override
  int area() {
    return super.area() / 2;
  }
}
