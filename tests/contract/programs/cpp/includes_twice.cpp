#include <iostream>
// A precompiled header is found once; what is included again lies elsewhere.
#include <bits/stdc++.h>
#include <iostream>
int main() { std::cout << std::gcd(12, 18) << '\n'; }
