#include <bits/stdc++.h>
using namespace std;

template <typename T>
void quicksort(vector<T> &values, int low, int high) {
  while (low < high) {
    T pivot = values[(low + high) / 2];
    int left = low, right = high;
    while (left <= right) {
      while (values[left] < pivot) left++;
      while (values[right] > pivot) right--;
      if (left <= right) swap(values[left++], values[right--]);
    }
    quicksort(values, low, right);
    low = left;
  }
}

int main() {
  long long seed = 42, sum = 0;
  vector<int> values;
  for (int number = 0; number < 30000; number++) {
    seed = seed * 16807 % 2147483647;
    values.push_back(seed % 100000);
  }
  quicksort(values, 0, values.size() - 1);
  for (size_t place = 0; place < values.size(); place++) sum += place % 1000 * values[place];
  cout << sum << " " << NUMBERLL << endl;
}
