#include <bits/stdc++.h>
// Containers of types that the header asks for itself, and of the program's own.
using namespace std;
struct P {
  int x;
  string s;
  bool operator<(const P &other) const { return tie(x, s) < tie(other.x, other.s); }
  bool operator==(const P &other) const { return tie(x, s) == tie(other.x, other.s); }
};
template <> struct std::hash<P> {
  size_t operator()(const P &p) const { return hash<string>()(p.s) ^ p.x; }
};
int main() {
  map<string, vector<int>> m;
  unordered_map<P, int> u;
  set<P> t;
  deque<double> d;
  priority_queue<int> q;
  list<P> l;
  string w;
  int i = 0;
  while (cin >> w) {
    m[w].push_back(i++);
    u[P{i, w}]++;
    t.insert({i, w});
    d.push_front(i / 3.0);
    q.push(-i);
    l.push_back({i, w});
  }
  for (auto &[k, v] : m) {
    cout << k << ':';
    for (int x : v)
      cout << ' ' << x;
    cout << '\n';
  }
  l.sort();
  for (auto &p : l)
    cout << p.x << p.s << ' ';
  cout << u.size() << t.size() << d.front() << q.top() << endl;
  bitset<64> b(42);
  cout << b << ' ' << accumulate(d.begin(), d.end(), 0.0) << ' ' << *max_element(d.begin(), d.end()) << '\n';
}
