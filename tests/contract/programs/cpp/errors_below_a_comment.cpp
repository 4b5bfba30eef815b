// The first include is not in the first line, of which errors tell.

#include <bits/stdc++.h>
struct Unprintable {};
int main() { std::cout << Unprintable{}; }
