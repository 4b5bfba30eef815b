#include <bits/stdc++.h>
using namespace std;

int main() {
  const int size = 120;
  long long seed = 21;
  vector<int> costs, distance(size * size, 1000000000);
  for (int place = 0; place < size * size; place++) {
    seed = seed * 16807 % 2147483647;
    costs.push_back(seed % 9 + 1);
  }
  priority_queue<pair<int, int>, vector<pair<int, int>>, greater<>> heap;
  distance[0] = 0;
  heap.push({0, 0});
  while (!heap.empty()) {
    auto [far, place] = heap.top();
    heap.pop();
    if (far > distance[place]) continue;
    for (auto [down, right] : {pair(1, 0), pair(-1, 0), pair(0, 1), pair(0, -1)}) {
      int row = place / size + down, column = place % size + right;
      if (row < 0 || row >= size || column < 0 || column >= size) continue;
      int beside = row * size + column, longer = far + costs[beside];
      if (longer < distance[beside]) {
        distance[beside] = longer;
        heap.push({longer, beside});
      }
    }
  }
  cout << distance.back() << " " << *max_element(distance.begin(), distance.end()) << " " << NUMBERLL << endl;
}
