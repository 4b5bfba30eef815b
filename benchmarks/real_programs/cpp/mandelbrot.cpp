#include <complex>
#include <iostream>

int main() {
  int inside = 0, turns = 0;
  for (int row = 0; row < 80; row++)
    for (int column = 0; column < 80; column++) {
      std::complex<double> start(column / 32.0 - 2, row / 32.0 - 1.25), value = 0;
      int count = 0;
      while (count < 60 && std::norm(value) <= 4) {
        value = value * value + start;
        count++;
      }
      turns += count;
      inside += count == 60;
    }
  std::cout << inside << " " << turns << " " << NUMBERLL << "\n";
}
