#include <bits/stdc++.h>
using namespace std;

string letters(long long seed, int count) {
  string made;
  while (count--) {
    seed = seed * 16807 % 2147483647;
    made += "acgt"[seed % 4];
  }
  return made;
}

int main() {
  string one = letters(1, 700), other = letters(2, 700);
  vector<vector<int>> best(one.size() + 1, vector<int>(other.size() + 1));
  for (size_t row = 1; row <= one.size(); row++)
    for (size_t column = 1; column <= other.size(); column++)
      best[row][column] = one[row - 1] == other[column - 1] ? best[row - 1][column - 1] + 1
                                                            : max(best[row - 1][column], best[row][column - 1]);
  cout << best.back().back() << " " << NUMBERLL << endl;
}
