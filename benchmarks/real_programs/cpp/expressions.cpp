#include <bits/stdc++.h>
using namespace std;

string two(int number) {
  return (number < 10 ? "0" : "") + to_string(number);
}

int main() {
  regex pattern(R"(^(user[0-9]+)@(example[0-5]\.com) ([0-9]{4})-(0[1-6])-([0-9]{2}) (GET|POST) /page/([1-8][0-9])$)");
  long long seed = 3;
  int count = 0, days = 0;
  for (int number = 0; number < 4000; number++) {
    seed = seed * 16807 % 2147483647;
    int day = seed % 28 + 1, month = seed / 28 % 12 + 1;
    string line = "user" + to_string(seed % 500) + "@example" + to_string(number % 7) + ".com 2026-" + two(month) + "-" +
                  two(day) + " GET /page/" + to_string(number % 90);
    smatch found;
    if (regex_match(line, found, pattern)) {
      count++;
      days += stoi(found[5]);
    }
  }
  cout << count << " " << days << " " << NUMBERLL << endl;
}
