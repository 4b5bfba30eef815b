#include <bits/stdc++.h>
using namespace std;

struct Value;
using Object = map<string, Value>;
using Array = vector<Value>;

struct Value {
  variant<long long, bool, string, Array, Object> content;
};

class Reader {
 public:
  explicit Reader(const string &text) : text(text) {}

  Value value() {
    char letter = text.at(place);
    if (letter == '{') return {object()};
    if (letter == '[') return {array()};
    if (letter == '"') return {word()};
    if (accept("true")) return {true};
    if (accept("false")) return {false};
    size_t length;
    long long number = stoll(text.substr(place, 20), &length);
    place += length;
    return {number};
  }

 private:
  const string &text;
  size_t place = 0;

  bool accept(const string &expected) {
    if (text.compare(place, expected.size(), expected) != 0) return false;
    place += expected.size();
    return true;
  }

  void expect(const string &expected) {
    if (!accept(expected)) throw runtime_error("expected " + expected);
  }

  string word() {
    expect("\"");
    size_t end = text.find('"', place);
    string found = text.substr(place, end - place);
    place = end + 1;
    return found;
  }

  Array array() {
    Array made;
    expect("[");
    while (!accept("]")) {
      made.push_back(value());
      accept(",");
    }
    return made;
  }

  Object object() {
    Object made;
    expect("{");
    while (!accept("}")) {
      string name = word();
      expect(":");
      made[name] = value();
      accept(",");
    }
    return made;
  }
};

int main() {
  long long seed = 11, total = 0;
  ostringstream made;
  made << "[";
  for (int number = 0; number < 5000; number++) {
    seed = seed * 16807 % 2147483647;
    made << (number ? "," : "") << "{\"id\":" << number << ",\"name\":\"name" << seed % 977 << "\",\"scores\":["
         << seed % 10 << "," << seed % 100 << "],\"on\":" << (seed % 2 ? "false" : "true") << "}";
  }
  made << "]";
  const string text = made.str();
  Value read = Reader(text).value();
  for (const Value &each : get<Array>(read.content)) {
    const Object &record = get<Object>(each.content);
    if (!get<bool>(record.at("on").content)) continue;
    total += get<long long>(record.at("id").content) + get<string>(record.at("name").content).size();
    for (const Value &score : get<Array>(record.at("scores").content)) total += get<long long>(score.content);
  }
  cout << text.size() << " " << total << " " << NUMBERLL << endl;
}
