#include <bits/stdc++.h>

int main()
{
    std::string text;
    std::cin >> text;
    std::reverse(text.begin(), text.end());
    std::cout << text;
}
