#include <iostream>
#include <vector>

int main() {
  const int limit = 1000000;
  std::vector<bool> prime(limit + 1, true);
  prime[0] = prime[1] = false;
  for (int number = 2; number <= 1000; number++)
    if (prime[number])
      for (int multiple = number * number; multiple <= limit; multiple += number) prime[multiple] = false;
  long long count = 0, sum = 0;
  for (int number = 0; number <= limit; number++)
    if (prime[number]) {
      count++;
      sum += number;
    }
  std::cout << count << " " << sum << " " << NUMBERLL << "\n";
}
