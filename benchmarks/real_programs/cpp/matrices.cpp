#include <iostream>
#include <vector>

const int SIZE = 90;

class Matrix {
 public:
  Matrix() : cells(SIZE, std::vector<long long>(SIZE)) {}

  long long &operator()(int row, int column) { return cells[row][column]; }
  long long operator()(int row, int column) const { return cells[row][column]; }

 private:
  std::vector<std::vector<long long>> cells;
};

Matrix operator*(const Matrix &one, const Matrix &other) {
  Matrix product;
  for (int row = 0; row < SIZE; row++)
    for (int column = 0; column < SIZE; column++)
      for (int inner = 0; inner < SIZE; inner++) product(row, column) += one(row, inner) * other(inner, column);
  return product;
}

int main() {
  Matrix one, other;
  for (int row = 0; row < SIZE; row++)
    for (int column = 0; column < SIZE; column++) {
      one(row, column) = (row * 31 + column * 17) % 101;
      other(row, column) = (row * 13 + column * 7) % 103;
    }
  const Matrix product = one * other;
  long long trace = 0;
  for (int place = 0; place < SIZE; place++) trace += product(place, place);
  std::cout << trace << " " << product(3, 5) << " " << NUMBERLL << "\n";
}
