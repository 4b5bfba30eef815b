#include <bits/stdc++.h>
// Names added to std after the header, and a replaced operator new.
namespace std {
int begin(int);
void swap(string &a, string &b, int);
ostream &operator<<(ostream &o, const vector<int> &v) { return o << "vec" << v.size(); }
template <class A, class B> ostream &operator<<(ostream &o, const pair<A, B> &p) {
  return o << p.first << '/' << p.second;
}
} // namespace std
int made = 0, freed = 0;
void *operator new(size_t n) {
  void *p = malloc(n);
  if (!p)
    throw std::bad_alloc();
  made++;
  return p;
}
void operator delete(void *p) noexcept {
  freed++;
  free(p);
}
void operator delete(void *p, size_t) noexcept {
  freed++;
  free(p);
}
int main() {
  std::vector<int> v{1, 2};
  std::cout << v << std::pair(1, v) << '\n';
  std::string s(100, 'x');
  std::map<int, std::string> m{{1, s}};
  std::cout << m[1].size() << '\n';
  std::cout << made << ' ' << freed << '\n';
  std::locale l;
  std::cout << l.name() << std::use_facet<std::numpunct<char>>(l).decimal_point() << '\n';
}
