#include <bits/stdc++.h>
// Types that are not the program's own: undefined by the standard, and compiled by GCC nevertheless.
template <> struct std::less<const char *> {
  bool operator()(const char *a, const char *b) const { return std::strcmp(a, b) < 0; }
};
int main() {
  char one[] = "k", other[] = "k";
  std::cout << std::less<const char *>()(one, other) << std::less<const char *>()("a", "b") << '\n';
}
