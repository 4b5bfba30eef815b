#include <bits/stdc++.h>
using namespace std;

int main() {
  const int size = 250;
  long long seed = 17;
  vector<bool> walls;
  for (int place = 0; place < size * size; place++) {
    seed = seed * 16807 % 2147483647;
    walls.push_back(seed % 10 < 3);
  }
  map<int, int> steps = {{0, 0}};
  queue<int> places({0});
  int longest = 0;
  while (!places.empty()) {
    int place = places.front();
    places.pop();
    longest = steps[place];
    for (auto [down, right] : {pair(0, 1), pair(1, 0), pair(0, -1), pair(-1, 0)}) {
      int row = place / size + down, column = place % size + right, beside = row * size + column;
      if (row < 0 || row >= size || column < 0 || column >= size || walls[beside] || steps.count(beside)) continue;
      steps[beside] = longest + 1;
      places.push(beside);
    }
  }
  cout << steps.size() << " " << longest << " " << NUMBERLL << endl;
}
