#include <bits/stdc++.h>
using namespace std;

int main() {
  long long seed = 5;
  unordered_map<string, int> counts;
  for (int number = 0; number < 100000; number++) {
    seed = seed * 16807 % 2147483647;
    counts["w" + to_string(seed % 3000)]++;
  }
  int most = 0;
  string first;
  for (const auto &[word, count] : counts)
    if (count > most || (count == most && word < first)) tie(most, first) = pair(count, word);
  cout << counts.size() << " " << most << " " << first << " " << NUMBERLL << endl;
}
