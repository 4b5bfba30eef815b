#include <algorithm>
#include <iostream>
#include <string>

int main() {
  std::string text;
  int palindromes = 0;
  for (long long number = 0; number < 20000; number++) {
    std::string word;
    for (long long value = number * number + 7; value > 0; value /= 10) word += "abcdefghij"[value % 10];
    palindromes += word == std::string(word.rbegin(), word.rend());
    if (number) text += " ";
    text += word;
  }
  for (std::size_t place = 0; (place = text.find("ab", place)) != std::string::npos; place += 3)
    text.replace(place, 2, "xyz");
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char letter) { return std::toupper(letter); });
  auto vowels = std::count_if(text.begin(), text.end(), [](char letter) {
    return letter == 'A' || letter == 'E' || letter == 'I';
  });
  std::cout << palindromes << " " << text.size() << " " << vowels << " " << text.find("XYZJ") << " " << NUMBERLL << "\n";
}
