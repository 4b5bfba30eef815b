#include <iostream>
#include <numeric>
#include <vector>

int main() {
  std::vector<int> digits = {1};
  for (int factor = 2; factor <= 400; factor++) {
    int carry = 0;
    for (int &digit : digits) {
      carry += digit * factor;
      digit = carry % 10;
      carry /= 10;
    }
    for (; carry; carry /= 10) digits.push_back(carry % 10);
  }
  std::cout << digits.size() << " " << std::accumulate(digits.begin(), digits.end(), 0) << " " << NUMBERLL << "\n";
}
