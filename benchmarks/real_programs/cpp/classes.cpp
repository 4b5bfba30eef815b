#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

class Shape {
 public:
  explicit Shape(std::string name) : name(std::move(name)) {}
  virtual ~Shape() = default;
  virtual int area() const = 0;
  const std::string name;
};

class Square : public Shape {
 public:
  explicit Square(int side) : Shape("square"), side(side) {}
  int area() const override { return side * side; }

 private:
  int side;
};

class Rectangle : public Shape {
 public:
  Rectangle(int width, int height) : Shape("rectangle"), width(width), height(height) {}
  int area() const override { return width * height; }

 private:
  int width, height;
};

class Triangle : public Rectangle {
 public:
  using Rectangle::Rectangle;
  int area() const override { return Rectangle::area() / 2; }
};

int main() {
  std::vector<std::unique_ptr<Shape>> shapes;
  for (int number = 0; number < 30000; number++) {
    int side = number % 97 + 1;
    if (number % 3 == 0) shapes.push_back(std::make_unique<Square>(side));
    if (number % 3 == 1) shapes.push_back(std::make_unique<Rectangle>(side, 5));
    if (number % 3 == 2) shapes.push_back(std::make_unique<Triangle>(side, 8));
  }
  long long areas = 0, names = 0;
  for (const auto &shape : shapes) {
    areas += shape->area();
    names += shape->name.size();
  }
  std::cout << areas << " " << names << " " << NUMBERLL << "\n";
}
