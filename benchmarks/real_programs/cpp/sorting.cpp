#include <bits/stdc++.h>
using namespace std;

int main() {
  long long seed = 7, sum = 0;
  vector<tuple<int, int, int>> people;
  for (int number = 0; number < 60000; number++) {
    seed = seed * 16807 % 2147483647;
    people.emplace_back(-(seed % 90), seed / 90 % 1000, number);
  }
  sort(people.begin(), people.end());
  for (size_t place = 0; place < people.size(); place++) sum += (long long)(place % 100) * get<2>(people[place]);
  cout << sum << " " << NUMBERLL << endl;
}
