#include <bits/stdc++.h>
// Errors inside of templates.
struct X {};
int main() {
  std::set<X> s{{}};
  std::cout << X{};
  std::vector<int> v = "x";
  std::sort(s.begin(), s.end());
  std::thread t([](int) {});
}
