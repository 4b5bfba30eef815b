#include <bits/stdc++.h>
// Specialisation of what the header declares, and operators of the program's own.
struct T {
  int v;
};
template <> struct std::char_traits<T> : std::char_traits<char> {};
template <> void std::swap<T>(T &a, T &b) noexcept {
  std::cout << "swap\n";
  std::exchange(a.v, b.v);
}
template <> struct std::numeric_limits<T> {
  static constexpr int max() { return 7; }
};
template <> const std::string &std::max<std::string>(const std::string &a, const std::string &) { return a; }
template <> double std::accumulate<double *, double>(double *, double *, double) { return -1; }
template <> struct std::allocator<T> {
  using value_type = T;
  T *allocate(size_t n) {
    std::puts("alloc");
    return (T *)malloc(n * sizeof(T));
  }
  void deallocate(T *p, size_t) { free(p); }
  size_t max_size() const { return 100; }
};
std::ostream &operator<<(std::ostream &o, const T &t) { return o << 'T' << t.v; }
int main() {
  T a{1}, b{2};
  std::swap(a, b);
  std::cout << a << std::numeric_limits<T>::max() << std::max(std::string("a"), std::string("z")) << '\n';
  double d[2] = {1, 2};
  std::cout << std::accumulate(d, d + 2, 0.0) << '\n';
  std::vector<T> v(3);
  std::cout << v.size() << '\n';
}
