#include <iostream>
#include <set>

const int SIZE = 8;
std::set<int> columns, rising, falling;

int place(int row) {
  if (row == SIZE) return 1;
  int count = 0;
  for (int column = 0; column < SIZE; column++) {
    if (columns.count(column) || rising.count(row + column) || falling.count(row - column)) continue;
    columns.insert(column);
    rising.insert(row + column);
    falling.insert(row - column);
    count += place(row + 1);
    columns.erase(column);
    rising.erase(row + column);
    falling.erase(row - column);
  }
  return count;
}

int main() {
  std::cout << place(0) << " " << NUMBERLL << "\n";
}
