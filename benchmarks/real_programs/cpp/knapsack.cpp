#include <algorithm>
#include <iostream>
#include <vector>

int main() {
  const int capacity = 5000;
  std::vector<int> best(capacity + 1);
  long long seed = 9;
  for (int item = 0; item < 100; item++) {
    seed = seed * 16807 % 2147483647;
    int weight = seed % 200 + 10, value = seed / 200 % 500;
    for (int room = capacity; room >= weight; room--) best[room] = std::max(best[room], best[room - weight] + value);
  }
  std::cout << best[capacity] << " " << best[capacity / 2] << " " << NUMBERLL << "\n";
}
