#include <bits/stdc++.h>
// Specialisation after the header has asked for an instantiation: an error for some.
template <> std::string std::operator+(const std::string &, const std::string &) { return ""; }
template <> void std::vector<int>::push_back(const int &) {}
template <> struct std::vector<double> {};
template <> struct std::function<void()> {};
template <> std::string::basic_string() {}
template <> std::char_traits<char>::~char_traits() {}
int main() {}
