#include <array>
#include <iostream>

const int SIZE = 64;
using Board = std::array<std::array<int, SIZE>, SIZE>;

Board next(const Board &cells) {
  Board after;
  for (int row = 0; row < SIZE; row++)
    for (int column = 0; column < SIZE; column++) {
      int around = -cells[row][column];
      for (int down = -1; down <= 1; down++)
        for (int right = -1; right <= 1; right++)
          around += cells[(row + down + SIZE) % SIZE][(column + right + SIZE) % SIZE];
      after[row][column] = around == 3 || (around == 2 && cells[row][column]);
    }
  return after;
}

int main() {
  Board cells;
  long long seed = 31, sum = 0, places = 0;
  for (auto &row : cells)
    for (int &cell : row) {
      seed = seed * 16807 % 2147483647;
      cell = seed % 3 == 0;
    }
  for (int turn = 0; turn < 20; turn++) cells = next(cells);
  for (int place = 0; place < SIZE * SIZE; place++)
    if (cells[place / SIZE][place % SIZE]) {
      sum++;
      places += place % 1000;
    }
  std::cout << sum << " " << places << " " << NUMBERLL << "\n";
}
