#include <bits/stdc++.h>
// Large templates that the header instantiates for itself.
int main() {
  std::regex r("(\\w+)-(\\d+)");
  std::smatch m;
  std::string s = "alpha-12 beta-7";
  while (std::regex_search(s, m, r)) {
    std::cout << m[1] << '=' << m[2] << '\n';
    s = m.suffix();
  }
  std::cout << std::regex_replace(std::string("a1b22"), std::regex("[0-9]+"), "<$&>") << '\n';
  using namespace std::chrono;
  std::cout << duration_cast<seconds>(hours(3) + minutes(4)).count() << '\n';
#if __cplusplus >= 202002L
  std::cout << (sys_days(2024y / 2 / 29) - sys_days(1970y / 1 / 1)).count() << '\n';
#endif
  std::mt19937 g(7);
  std::uniform_int_distribution<int> d(1, 6);
  std::normal_distribution<double> n;
  for (int i = 0; i < 5; i++)
    std::cout << d(g) << ' ' << n(g) << ' ';
  std::cout << '\n';
  std::filesystem::path p("/a/b/../c.txt");
  std::cout << p.lexically_normal() << p.extension() << '\n';
  std::wstring_convert<std::codecvt_utf8<wchar_t>> c;
  std::cout << c.to_bytes(L"\u00e9") << '\n';
}
