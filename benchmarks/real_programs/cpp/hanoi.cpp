#include <iostream>
#include <vector>

std::vector<int> moves;

void move(int count, int source, int target, int spare) {
  if (count == 0) return;
  move(count - 1, source, spare, target);
  moves.push_back(source * 3 + target);
  move(count - 1, spare, target, source);
}

int main() {
  move(16, 0, 1, 2);
  long long sum = 0;
  for (std::size_t place = 0; place < moves.size(); place++) sum += place * moves[place] % 7;
  std::cout << moves.size() << " " << sum << " " << NUMBERLL << "\n";
}
