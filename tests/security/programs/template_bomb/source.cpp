template <int depth, int path> struct Bomb { Bomb<depth - 1, path * 2> left; Bomb<depth - 1, path * 2 + 1> right; };
template <int path> struct Bomb<0, path> { char end; };
Bomb<28, 1> bomb;
int main() {}
